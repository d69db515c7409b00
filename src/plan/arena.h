/* Who lies where: tensors of known size and lifetime in one block of memory, as few bytes as a simple rule
 * finds.
 *
 * The largest is placed first, each as low as those already placed that live at the same time allow
 * (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020: greedy by size).
 * Pure arithmetic, so that a test can check it on anything. */
#ifndef BT_PLAN_ARENA_H
#define BT_PLAN_ARENA_H

#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_ARENA_ALIGNMENT 64

typedef struct bt_lease {
    size_t bytes;    /* 0: needs no place */
    int first, last; /* steps that touch it, both included */
    size_t offset;   /* written; a multiple of BT_ARENA_ALIGNMENT */
} bt_lease;

/* Gives every lease its offset; *total receives the block's size in bytes. BT_NO_MEMORY only. */
BT_MUST_USE bt_status bt_arena_place(bt_lease *leases, size_t count, size_t *total, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
