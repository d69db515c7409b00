#include "http/budget.h"

#include "base/memory.h"

bt_status bt_account_take(bt_account *account, size_t bytes, bt_error *error) {
    if (!account || !account->budget || bytes == 0) return BT_OK;
    bt_budget *budget = account->budget;
    const size_t limit = budget->limit_bytes;
    if (bytes > limit || account->bytes > limit - bytes)
        return bt_fail(error, BT_INVALID,
                       "this request takes more than %zu MB of memory, all that there is for requests "
                       "(--memory-limit-mb): send smaller pictures, or fewer at a time",
                       limit >> 20);
    const long long used = atomic_fetch_add(&budget->used_bytes, (long long)bytes);
    if (used > (long long)(limit - bytes)) {
        atomic_fetch_sub(&budget->used_bytes, (long long)bytes);
        return bt_fail(error, BT_QUEUE_FULL,
                       "other requests have the memory for requests just now, %zu MB in all "
                       "(--memory-limit-mb): come back later",
                       limit >> 20);
    }
    account->bytes += bytes;
    return BT_OK;
}

void bt_account_give(bt_account *account, size_t bytes) {
    if (!account || !account->budget || bytes == 0) return;
    account->bytes -= bytes;
    atomic_fetch_sub(&account->budget->used_bytes, (long long)bytes);
}

void bt_account_set(bt_account *account, size_t bytes) {
    if (!account->budget || account->bytes == bytes) return;
    atomic_fetch_add(&account->budget->used_bytes, (long long)bytes - (long long)account->bytes);
    account->bytes = bytes;
}

#define USUAL_PART   4
#define BODIES_LEAST 4

size_t bt_budget_usual_bytes(size_t body_limit_bytes) {
    const size_t part = (size_t)bt_memory_limit_bytes() / USUAL_PART;
    const size_t least = body_limit_bytes * BODIES_LEAST;
    return part > least ? part : least;
}
