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

/* ---- lines: a list a level ---- */

_Static_assert(BT_PRIORITIES == 3, "bt_slots_open empties three levels");

static int64_t turn_of(const bt_batcher *batcher, uint32_t index) {
    const bt_slot *slot = &batcher->slots[index];
    return bt_turn_ns(&batcher->models[slot->model], slot->arrival_ns, slot->level);
}

/* The level of the one whose turn is next, of those that stand first in theirs; -1: nobody's. Of two at the same time
 * the higher priority's. */
static int next_level(const bt_batcher *batcher, const uint32_t heads[BT_PRIORITIES]) {
    int next = -1;
    for (int level = 0; level < BT_PRIORITIES; level++)
        if (heads[level] != BT_NO_SLOT &&
            (next < 0 || turn_of(batcher, heads[level]) < turn_of(batcher, heads[next])))
            next = level;
    return next;
}

static bool goes_before(const bt_batcher *batcher, uint32_t a, uint32_t b) {
    const int64_t turn_a = turn_of(batcher, a), turn_b = turn_of(batcher, b);
    return turn_a < turn_b || (turn_a == turn_b && batcher->slots[a].level < batcher->slots[b].level);
}

bt_walk bt_line_walk(const bt_slot_line *line) {
    bt_walk walk;
    for (int level = 0; level < BT_PRIORITIES; level++)
        walk.at[level] = line->levels[level].first;
    return walk;
}

uint32_t bt_walk_next(const bt_batcher *batcher, bt_walk *walk) {
    const int level = next_level(batcher, walk->at);
    if (level < 0) return BT_NO_SLOT;
    const uint32_t index = walk->at[level];
    walk->at[level] = batcher->slots[index].next;
    return index;
}

static inline void find_first(const bt_batcher *batcher, bt_slot_line *line) {
    if (bt_line_is_alike(line)) {
        line->first = line->present == 0 ? BT_NO_SLOT : line->levels[__builtin_ctz(line->present)].first;
    } else {
        bt_walk walk = bt_line_walk(line);
        line->first = bt_walk_next(batcher, &walk);
    }
}

void bt_line_push(bt_batcher *batcher, bt_slot_line *line, uint32_t index) {
    const int level = batcher->slots[index].level;
    bt_list_push(batcher, &line->levels[level], index);
    line->present |= 1u << level;
    if (line->count++ == 0 || (!bt_line_is_alike(line) && goes_before(batcher, index, line->first)))
        line->first = index;
}

/* From the back, where it belongs but for runs that failed sooner than others that began before them. */
void bt_line_push_by_arrival(bt_batcher *batcher, bt_slot_line *line, uint32_t index) {
    const int level = batcher->slots[index].level;
    bt_slot_list *list = &line->levels[level];
    uint32_t before = list->last;
    while (before != BT_NO_SLOT && batcher->slots[before].arrival_ns > batcher->slots[index].arrival_ns)
        before = batcher->slots[before].previous;
    insert(batcher, list, before, index, before == BT_NO_SLOT ? list->first : batcher->slots[before].next);
    line->present |= 1u << level;
    line->count++;
    find_first(batcher, line);
}

void bt_line_remove(bt_batcher *batcher, bt_slot_line *line, uint32_t index) {
    const int level = batcher->slots[index].level;
    const bool is_first = index == line->first;
    bt_list_remove(batcher, &line->levels[level], index);
    line->count--;
    if (line->levels[level].count == 0) line->present &= ~(1u << level);
    if (is_first) find_first(batcher, line);
}

uint32_t bt_line_pop(bt_batcher *batcher, bt_slot_line *line) {
    const uint32_t index = line->first;
    if (index != BT_NO_SLOT) bt_line_remove(batcher, line, index);
    return index;
}

int64_t bt_line_oldest_of_all_ns(const bt_batcher *batcher, const bt_slot_line *line) {
    int64_t oldest_ns = BT_NEVER_NS;
    for (unsigned left = line->present; left != 0; left &= left - 1) {
        const uint32_t first = line->levels[__builtin_ctz(left)].first;
        if (batcher->slots[first].arrival_ns < oldest_ns) oldest_ns = batcher->slots[first].arrival_ns;
    }
    return oldest_ns;
}

/* All of its level and of those above; of those below only whom it does not overtake. */
int bt_line_ahead(const bt_batcher *batcher, const bt_slot_line *line, int level, int64_t turn_ns) {
    int ahead = 0;
    for (int i = 0; i < BT_PRIORITIES; i++) {
        uint32_t at = i <= level ? BT_NO_SLOT : line->levels[i].first;
        if (i <= level) ahead += line->levels[i].count;
        for (; at != BT_NO_SLOT && turn_of(batcher, at) < turn_ns; at = batcher->slots[at].next)
            ahead++;
    }
    return ahead;
}

void bt_slots_open(bt_batcher *batcher) {
    const bt_slot_list empty = {BT_NO_SLOT, BT_NO_SLOT, 0};
    const bt_slot_line nobody = {.levels = {empty, empty, empty}, .first = BT_NO_SLOT};
    batcher->free = batcher->answers = empty;
    for (int m = 0; m < batcher->model_count; m++)
        for (int line = 0; line < BT_LINE_COUNT; line++)
            batcher->models[m].lines[line] = nobody;
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
