#include "plan/arena.h"

#include <stdbool.h>
#include <stdlib.h>

static size_t rounded(size_t bytes) {
    return (bytes + BT_ARENA_ALIGNMENT - 1) / BT_ARENA_ALIGNMENT * BT_ARENA_ALIGNMENT;
}

/* Larger first; of the same size the earlier one, so that the result is always the same. */
static int by_size(const void *left, const void *right) {
    const bt_lease *a = *(bt_lease *const *)left, *b = *(bt_lease *const *)right;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    return (a > b) - (a < b);
}

static bool overlap(const bt_lease *a, const bt_lease *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which `lease` overlaps nobody of placed[0 ... count) that lives when it does; those
 * are kept in the order of their offsets. */
static size_t lowest(const bt_lease *lease, bt_lease *const *placed, size_t count) {
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (!overlap(lease, placed[i])) continue;
        if (offset + rounded(lease->bytes) <= placed[i]->offset) break;
        size_t end = placed[i]->offset + rounded(placed[i]->bytes);
        if (end > offset) offset = end;
    }
    return offset;
}

static void keep_in_order(bt_lease **placed, size_t count, bt_lease *lease) {
    while (count > 0 && placed[count - 1]->offset > lease->offset) {
        placed[count] = placed[count - 1];
        count--;
    }
    placed[count] = lease;
}

bt_status bt_arena_place(bt_lease *leases, size_t count, size_t *total, bt_error *error) {
    bt_lease **order = calloc(2 * count + 1, sizeof *order), **placed = order + count;
    size_t placed_count = 0;
    *total = 0;
    if (!order) return bt_no_memory(error, "planning %zu tensors", count);
    for (size_t i = 0; i < count; i++)
        order[i] = &leases[i];
    qsort(order, count, sizeof *order, by_size);
    for (size_t i = 0; i < count; i++) {
        bt_lease *lease = order[i];
        lease->offset = 0;
        if (lease->bytes == 0) continue;
        lease->offset = lowest(lease, placed, placed_count);
        keep_in_order(placed, placed_count++, lease);
        size_t end = lease->offset + rounded(lease->bytes);
        if (end > *total) *total = end;
    }
    free(order);
    return BT_OK;
}
