/* What the ranks of a run have measured, merged: each answer is there once for whoever foresees, and once for the run
 * itself, which then need not measure it.
 *
 * An answer belongs to a question: a model, and a step of its sweep. Those of one question are handed out in the order in
 * which they came. Every answer is first appended to a journal, if there is one, so that a run that is cut off has lost
 * none of them. One thread. */
#ifndef BT_TUNE_POOL_H
#define BT_TUNE_POOL_H

#include "base/options.h"
#include "tune/journal.h"
#include "tune/protocol.h"
#include "tune/step.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who asks. Each has every answer. */
typedef enum bt_pool_reader { BT_POOL_FORESIGHT, BT_POOL_RUN, BT_POOL_READERS } bt_pool_reader;

typedef struct bt_pool bt_pool;

/* With the answers that stand in the file at `path`, to which more are appended; NULL: no file. BT_IO, BT_PARSE,
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_pool_open(bt_pool **out, const char *path, bt_error *error);
void bt_pool_close(bt_pool **pool); /* NULL-safe; nulls */

/* What came of a step of the model, as that rank measured it; and what its session is, and took to open. */
BT_MUST_USE bt_status bt_pool_add(bt_pool *pool, const char *model, int rank, const bt_step *step,
                                  const bt_step_result *result, bt_error *error);
BT_MUST_USE bt_status bt_pool_add_facts(bt_pool *pool, const char *model, int rank,
                                        const bt_worker_facts *facts, double elapsed_s, bt_error *error);

/* The next answer that this reader has not had; false where there is none. NULL-safe: no pool has none. */
bool bt_pool_take(bt_pool *pool, bt_pool_reader reader, const char *model, const bt_step *step,
                  bt_step_result *result);
/* Of the first rank that told; as often as asked. */
bool bt_pool_facts(const bt_pool *pool, const char *model, bt_worker_facts *facts, double *elapsed_s);

/* How many answers there are in all. NULL-safe. */
int bt_pool_count(const bt_pool *pool);

/* How many answers this reader has not had. */
int bt_pool_left(const bt_pool *pool, bt_pool_reader reader, const char *model, const bt_step *step);

#ifdef __cplusplus
}
#endif
#endif
