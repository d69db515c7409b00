/* Memory for all requests: what is taken counts until it is given back, and nobody gets more than there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "http/budget.h"

#define MB ((size_t)1 << 20)

static void nobody_gets_more_than_there_is(void **state) {
    (void)state;
    bt_budget budget = {.limit_bytes = 10 * MB};
    bt_account first = {.budget = &budget}, second = {.budget = &budget};
    bt_error error;
    must(bt_account_take(&first, 6 * MB, &error), &error);
    assert_int_equal(bt_account_take(&second, 5 * MB, &error), BT_QUEUE_FULL);
    says(error.message, "10 MB in all (--memory-limit-mb): come back later");
    must(bt_account_take(&second, 4 * MB, &error), &error);
    assert_int_equal(bt_account_take(&second, 1, &error), BT_QUEUE_FULL);
    bt_account_give(&first, 2 * MB);
    must(bt_account_take(&second, 2 * MB, &error), &error);
    bt_account_set(&first, 0);
    bt_account_set(&second, 0);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

/* To come back would not help them. */
static void who_needs_more_than_all_of_it_is_told(void **state) {
    (void)state;
    bt_budget budget = {.limit_bytes = 10 * MB};
    bt_account account = {.budget = &budget};
    bt_error error;
    assert_int_equal(bt_account_take(&account, 11 * MB, &error), BT_INVALID);
    says(error.message, "more than 10 MB of memory");
    assert_int_equal(bt_account_take(&account, SIZE_MAX, &error), BT_INVALID);
    must(bt_account_take(&account, 10 * MB, &error), &error);
    assert_int_equal(bt_account_take(&account, 1, &error), BT_INVALID);
    assert_int_equal(atomic_load(&budget.used_bytes), 10 * MB);
    bt_account_set(&account, 11 * MB); /* of what is there already */
    assert_int_equal(atomic_load(&budget.used_bytes), 11 * MB);
    bt_account_give(&account, 11 * MB);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

static void without_a_budget_nothing_is_counted(void **state) {
    (void)state;
    bt_account account = {.budget = NULL};
    bt_error error;
    must(bt_account_take(&account, SIZE_MAX, &error), &error);
    must(bt_account_take(NULL, SIZE_MAX, &error), &error);
    bt_account_give(&account, 7);
    bt_account_give(NULL, 7);
    bt_account_set(&account, 7);
    assert_int_equal(account.bytes, 0);
}

static void the_usual_limit_has_room_for_the_largest_requests(void **state) {
    (void)state;
    assert_true(bt_budget_usual_bytes(64 * MB) >= 256 * MB);
    assert_true(bt_budget_usual_bytes((size_t)1 << 50) == (size_t)1 << 52);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gets_more_than_there_is),
        cmocka_unit_test(who_needs_more_than_all_of_it_is_told),
        cmocka_unit_test(without_a_budget_nothing_is_counted),
        cmocka_unit_test(the_usual_limit_has_room_for_the_largest_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
