/* Two clocks compared over a link of any delay: the truth is never farther off than the bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "base/random.h"
#include "ranks/offset.h"

static void nothing_is_known_at_first(void **state) {
    (void)state;
    assert_true(bt_offset_unknown().bound_ns == INT64_MAX);
}

static void the_quickest_answer_counts(void **state) {
    (void)state;
    bt_offset_estimate estimate = bt_offset_unknown();
    bt_offset_take(&estimate, 1000, 5000, 1200);
    assert_true(estimate.offset_ns == -3900 && estimate.bound_ns == 100);
    bt_offset_take(&estimate, 2000, 6000, 2600);
    assert_true(estimate.offset_ns == -3900 && estimate.bound_ns == 100);
    bt_offset_take(&estimate, 3000, 7010, 3020);
    assert_true(estimate.offset_ns == -4000 && estimate.bound_ns == 10);
}

static void the_truth_lies_within_the_bound(void **state) {
    (void)state;
    bt_random random = bt_random_stream(1, "clocks");
    for (int round = 0; round < 2000; round++) {
        const int64_t offset_ns = (int64_t)(bt_random_normal(&random) * 1e12);
        bt_offset_estimate estimate = bt_offset_unknown();
        int64_t now_ns = 1000000000;
        for (int i = 0; i < 20; i++) {
            const int64_t there_ns = 100 + (int64_t)bt_random_below(&random, 100000);
            const int64_t back_ns = 100 + (int64_t)bt_random_below(&random, 100000);
            const int64_t asked_ns = now_ns;
            now_ns += there_ns + back_ns;
            bt_offset_take(&estimate, asked_ns, asked_ns + there_ns - offset_ns, now_ns);
        }
        assert_true(llabs(estimate.offset_ns - offset_ns) <= estimate.bound_ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(the_quickest_answer_counts),
        cmocka_unit_test(the_truth_lies_within_the_bound),
    };
    return cmocka_run_group_tests_name("ranks: offset", tests, NULL, NULL);
}
