/* bt_array: what is in an array stays in it however it grows, and a size that cannot be is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/array.h"

static void items_stay_while_it_grows(void **state) {
    (void)state;
    int *items = NULL;
    size_t room = 0, moves = 0;
    for (int count = 0; count < 10000; count++) {
        const size_t before = room;
        int *grown = bt_array_grow(items, (size_t)count, 1, &room, sizeof *grown);
        assert_non_null(grown);
        assert_true(room > (size_t)count);
        moves += room != before;
        items = grown;
        items[count] = count;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(items[i], i);
    assert_true(moves <= 14); /* log2 of 10000: it doubles */
    free(items);
}

static void many_at_once_fit(void **state) {
    (void)state;
    size_t room = 0;
    char *items = bt_array_grow(NULL, 0, 1000, &room, 1);
    assert_non_null(items);
    assert_true(room >= 1000);
    items[999] = 'x';
    char *same = bt_array_grow(items, 900, 100, &room, 1);
    assert_ptr_equal(same, items);
    free(items);
}

static void without_room_it_fits_exactly(void **state) {
    (void)state;
    double *items = NULL;
    for (int count = 0; count < 50; count++) {
        double *grown = bt_array_grow(items, (size_t)count, 1, NULL, sizeof *grown);
        assert_non_null(grown);
        items = grown;
        items[count] = count;
    }
    for (int i = 0; i < 50; i++)
        assert_true(items[i] == i);
    double *same = bt_array_grow(items, 0, 0, NULL, sizeof *same); /* of no items, but still an array */
    assert_non_null(same);
    free(same);
}

static void sizes_that_cannot_be_are_refused(void **state) {
    (void)state;
    size_t room = 3;
    int *items = calloc(3, sizeof *items);
    assert_non_null(items);
    items[2] = 7;
    assert_null(bt_array_grow(items, SIZE_MAX, 1, &room, sizeof *items));
    assert_null(bt_array_grow(items, 3, SIZE_MAX / 4, &room, sizeof *items));
    assert_null(bt_array_grow(items, 3, SIZE_MAX / 4, NULL, sizeof *items));
    assert_null(bt_array_grow(items, 3, SIZE_MAX - 3, &room, 1));
    assert_int_equal(room, 3);
    assert_int_equal(items[2], 7);
    free(items);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stay_while_it_grows),
        cmocka_unit_test(many_at_once_fit),
        cmocka_unit_test(without_room_it_fits_exactly),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("base: arrays that grow", tests, NULL, NULL);
}
