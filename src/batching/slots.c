/* Where requests are kept: a pool of slots, doubly linked lists through them, and a heap of deadlines. */
#include "batching/state.h"

/* ---- lists ---- */

/* A list's ends are neighbours of its first and last slot: what comes behind `before`, or before `after`, may be
 * kept there. */
static inline void set_next(bt_batcher *batcher, bt_slot_list *list, uint32_t before, uint32_t index) {
    if (before == BT_NO_SLOT)
        list->first = index;
    else
        batcher->slots[before].next = index;
}

static inline void set_previous(bt_batcher *batcher, bt_slot_list *list, uint32_t after, uint32_t index) {
    if (after == BT_NO_SLOT)
        list->last = index;
    else
        batcher->slots[after].previous = index;
}

static inline void insert(bt_batcher *batcher, bt_slot_list *list, uint32_t before, uint32_t index,
                          uint32_t after) {
    bt_slot *slot = &batcher->slots[index];
    slot->previous = before;
    slot->next = after;
    set_next(batcher, list, before, index);
    set_previous(batcher, list, after, index);
    list->count++;
}

void bt_list_push(bt_batcher *batcher, bt_slot_list *list, uint32_t index) {
    insert(batcher, list, list->last, index, BT_NO_SLOT);
}

void bt_list_push_front(bt_batcher *batcher, bt_slot_list *list, uint32_t index) {
    insert(batcher, list, BT_NO_SLOT, index, list->first);
}

/* From the back, where it belongs but for runs that failed sooner than others that began before them. */
void bt_list_push_by_arrival(bt_batcher *batcher, bt_slot_list *list, uint32_t index) {
    uint32_t before = list->last;
    while (before != BT_NO_SLOT && batcher->slots[before].arrival_ns > batcher->slots[index].arrival_ns)
        before = batcher->slots[before].previous;
    insert(batcher, list, before, index, before == BT_NO_SLOT ? list->first : batcher->slots[before].next);
}

void bt_list_remove(bt_batcher *batcher, bt_slot_list *list, uint32_t index) {
    const bt_slot *slot = &batcher->slots[index];
    set_next(batcher, list, slot->previous, slot->next);
    set_previous(batcher, list, slot->next, slot->previous);
    list->count--;
}

uint32_t bt_list_pop(bt_batcher *batcher, bt_slot_list *list) {
    uint32_t index = list->first;
    if (index != BT_NO_SLOT) bt_list_remove(batcher, list, index);
    return index;
}

void bt_slots_open(bt_batcher *batcher) {
    const bt_slot_list empty = {BT_NO_SLOT, BT_NO_SLOT, 0};
    batcher->free = batcher->answers = empty;
    for (int m = 0; m < batcher->model_count; m++)
        for (int line = 0; line < BT_LINE_COUNT; line++)
            batcher->models[m].lines[line] = empty;
    for (uint32_t i = 0; i < batcher->slot_count; i++) {
        batcher->slots[i].heap_place = BT_NO_SLOT;
        bt_list_push(batcher, &batcher->free, i);
    }
}

/* ---- tickets ---- */

uint64_t bt_ticket_of(const bt_batcher *batcher, uint32_t index) {
    return (uint64_t)batcher->slots[index].generation << 32 | (index + 1);
}

uint32_t bt_slot_of(const bt_batcher *batcher, uint64_t ticket) {
    uint32_t index = (uint32_t)ticket - 1;
    if (index >= batcher->slot_count) return BT_NO_SLOT;
    const bt_slot *slot = &batcher->slots[index];
    bool here = slot->generation == ticket >> 32 && slot->place != BT_PLACE_FREE;
    return here ? index : BT_NO_SLOT;
}

/* ---- deadlines: a binary heap, each slot knowing its place ---- */

static int64_t deadline_at(const bt_batcher *batcher, uint32_t place) {
    return batcher->slots[batcher->heap[place]].deadline_ns;
}

static void put(bt_batcher *batcher, uint32_t place, uint32_t index) {
    batcher->heap[place] = index;
    batcher->slots[index].heap_place = place;
}

static void exchange(bt_batcher *batcher, uint32_t a, uint32_t b) {
    uint32_t moved = batcher->heap[a];
    put(batcher, a, batcher->heap[b]);
    put(batcher, b, moved);
}

static void rise(bt_batcher *batcher, uint32_t place) {
    while (place > 0 && deadline_at(batcher, place) < deadline_at(batcher, (place - 1) / 2)) {
        exchange(batcher, place, (place - 1) / 2);
        place = (place - 1) / 2;
    }
}

static void sink(bt_batcher *batcher, uint32_t place) {
    for (;;) {
        uint32_t least = place;
        for (uint32_t child = 2 * place + 1; child <= 2 * place + 2 && child < batcher->heap_count; child++)
            if (deadline_at(batcher, child) < deadline_at(batcher, least)) least = child;
        if (least == place) return;
        exchange(batcher, place, least);
        place = least;
    }
}

void bt_deadline_add(bt_batcher *batcher, uint32_t index) {
    if (batcher->slots[index].deadline_ns == BT_NEVER_NS) return;
    put(batcher, batcher->heap_count++, index);
    rise(batcher, batcher->heap_count - 1);
}

void bt_deadline_remove(bt_batcher *batcher, uint32_t index) {
    uint32_t place = batcher->slots[index].heap_place;
    if (place == BT_NO_SLOT) return;
    batcher->slots[index].heap_place = BT_NO_SLOT;
    if (place == --batcher->heap_count) return;
    put(batcher, place, batcher->heap[batcher->heap_count]);
    rise(batcher, place);
    sink(batcher, place);
}

int64_t bt_deadline_first_ns(const bt_batcher *batcher) {
    return batcher->heap_count > 0 ? deadline_at(batcher, 0) : BT_NEVER_NS;
}
