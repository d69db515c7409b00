#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

/* How many items the first room is for. Raising it wastes memory in every list that stays short; each halving
 * costs a list that becomes long one more move, which is a few dozen bytes. */
#define FIRST_ROOM 16

static size_t at_least_doubled(size_t room, size_t wanted) {
    const size_t doubled = room == 0 ? FIRST_ROOM : room <= SIZE_MAX / 2 ? 2 * room : SIZE_MAX;
    return doubled > wanted ? doubled : wanted;
}

void *bt_array_make_room(void *items, size_t count, size_t more, size_t *room, size_t item_size) {
    size_t wanted, bytes;
    if (__builtin_add_overflow(count, more, &wanted)) return NULL;
    if (room) wanted = at_least_doubled(*room, wanted);
    if (wanted == 0) wanted = 1; /* realloc would free an array of no bytes */
    if (__builtin_mul_overflow(wanted, item_size, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    void *grown = realloc(items, bytes);
    if (grown && room) *room = wanted;
    return grown;
}
