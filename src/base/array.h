/* Arrays that grow while they are filled.
 *
 * An array here is what C has: a pointer and a count, in the struct that owns them, read and freed like any
 * other. What is shared is only how it gets room for more, which is easy to get wrong: a size that overflows,
 * a pointer lost when memory runs out, a list that takes quadratic time because it grows by one. */
#ifndef BT_BASE_ARRAY_H
#define BT_BASE_ARRAY_H

#include <stddef.h>

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for `more` items behind the first `count` of `items`, which is NULL or what an earlier call returned.
 * Returns the array, moved where it had to be, with what lies behind `count` unset; or NULL where memory is
 * short or the size no size_t: `items` is then as it was, and still the caller's to free.
 *
 *     bt_candidate *grown = bt_array_grow(s->items, s->count, 1, &s->room, sizeof *grown);
 *     if (!grown) return bt_no_memory(error, "the candidates");
 *     s->items = grown;
 *     s->items[s->count++] = candidate;
 *
 * `room` is the caller's note, 0 at first, of how many items fit: it at least doubles each time, so that n
 * items take a time that grows like n. With a NULL `room` the array is made to fit exactly, each time anew:
 * for lists of a few items, and for those that were read or copied and therefore have no room to spare. */
static inline BT_MUST_USE void *bt_array_grow(void *items, size_t count, size_t more, size_t *room,
                                              size_t item_size);

/* The rest of bt_array_grow, where there is no room yet: in a list that grows an item at a time that is seldom,
 * so that the common case is inline. */
BT_MUST_USE void *bt_array_make_room(void *items, size_t count, size_t more, size_t *room, size_t item_size);

static inline void *bt_array_grow(void *items, size_t count, size_t more, size_t *room, size_t item_size) {
    if (room && items && count <= *room && more <= *room - count) return items;
    return bt_array_make_room(items, count, more, room, item_size);
}

#ifdef __cplusplus
}
#endif
#endif
