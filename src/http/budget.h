/* Memory for all requests together.
 *
 * Each request is bounded, but hundreds may come at once, and a small file may unpack to two hundred megabytes that
 * then wait for a batch. So whatever grows with a request is asked for here before memory is taken for it: its body
 * as it arrives, pictures while and after they are decoded, results, the answer as it leaves. Whoever would exceed the
 * budget is refused at once, and told to come back, rather than that the system kills everybody. Small things of a
 * fixed size are not counted. */
#ifndef BT_HTTP_BUDGET_H
#define BT_HTTP_BUDGET_H

#include <stddef.h>

#include "base/atomic.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_budget {
    size_t limit_bytes;
    atomic_llong used_bytes; /* of all accounts */
} bt_budget;

/* What one request has taken. It belongs to whoever has the request: one thread at a time. */
typedef struct bt_account {
    bt_budget *budget; /* NULL: nothing is counted */
    size_t bytes;
} bt_account;

/* BT_QUEUE_FULL where others have too much of it just now, BT_INVALID where no server of this limit could ever serve
 * it; nothing is taken then. A NULL account takes nothing. */
BT_MUST_USE bt_status bt_account_take(bt_account *account, size_t bytes, bt_error *error);

/* Of what was taken, so much back. */
void bt_account_give(bt_account *account, size_t bytes);

/* Has so much from now on, whatever the limit: of what is there already. */
void bt_account_set(bt_account *account, size_t bytes);

/* The limit where none is given: a quarter of what this process may use at most, but four of the largest bodies at
 * the least. */
size_t bt_budget_usual_bytes(size_t body_limit_bytes);

#ifdef __cplusplus
}
#endif
#endif
