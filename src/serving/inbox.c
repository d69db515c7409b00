/* Answers kept for whoever fetches them: callbacks for callers that cannot be called.
 *
 * A request has a slot from its submit until its answer is taken. Threads that answer push their slot onto
 * one list by compare-and-swap and, where the list was empty, ring the eventfd: they share no lock with those
 * who submit and take, so that a caller who is stopped in the middle of either holds up nobody else's answer.
 * The list is only ever emptied as a whole, which is why a push needs no guard against slots that
 * come again. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

#define ROOM_MAX (1 << 20)

typedef struct inbox_slot {
    bt_inbox *inbox;
    struct inbox_slot *next; /* in one of the inbox's three lists */
    bt_inbox_answer answer;
} inbox_slot;

struct bt_inbox {
    int fd, room;
    atomic_uint users;             /* its owner, and each request on its way: the last to go frees it */
    _Atomic(inbox_slot *) arrived; /* newest first */
    pthread_mutex_t lock;          /* of those who submit and take */
    inbox_slot *waiting;           /* have arrived before, oldest first; not taken yet */
    inbox_slot *unused;
    inbox_slot slots[];
};

/* ---- who holds it ---- */

static void release(bt_inbox *inbox) {
    if (atomic_fetch_sub(&inbox->users, 1) > 1) return;
    close(inbox->fd);
    pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}

bt_status bt_inbox_open(bt_inbox **out, int room, bt_error *error) {
    if (!out) return bt_fail(error, BT_INVALID, "there is no place for the inbox");
    *out = NULL;
    if (room < 1 || room > ROOM_MAX)
        return bt_fail(error, BT_INVALID, "an inbox has room for 1 to %d answers, not %d", ROOM_MAX, room);
    bt_inbox *inbox = calloc(1, sizeof *inbox + (size_t)room * sizeof *inbox->slots);
    if (!inbox) return bt_no_memory(error, "an inbox of %d answers", room);
    inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (inbox->fd < 0) {
        free(inbox);
        return bt_fail(error, BT_IO, "an inbox needs a descriptor, and this process has no more: %m");
    }
    inbox->room = room;
    atomic_init(&inbox->users, 1);
    pthread_mutex_init(&inbox->lock, NULL);
    for (int i = room - 1; i >= 0; i--) {
        inbox->slots[i].inbox = inbox;
        inbox->slots[i].next = inbox->unused;
        inbox->unused = &inbox->slots[i];
    }
    *out = inbox;
    return BT_OK;
}

void bt_inbox_close(bt_inbox **inbox) {
    if (!inbox || !*inbox) return;
    release(*inbox);
    *inbox = NULL;
}

int bt_inbox_fd(const bt_inbox *inbox) {
    return inbox->fd;
}

/* ---- on the threads that answer ---- */

static void ring(bt_inbox *inbox) {
    uint64_t one = 1;
    (void)!write(inbox->fd, &one, sizeof one);
}

/* Rings only for the first of those that nobody has fetched: the bell is silenced before they are. */
static void arrive(void *context, const bt_result *result, const bt_error *error) {
    inbox_slot *slot = context;
    bt_inbox *inbox = slot->inbox;
    slot->answer.result = *result;
    if (error)
        slot->answer.error = *error;
    else
        slot->answer.error.status = BT_OK;
    inbox_slot *newest = atomic_load(&inbox->arrived);
    do
        slot->next = newest;
    while (!atomic_compare_exchange_weak(&inbox->arrived, &newest, slot));
    if (!newest) ring(inbox);
    release(inbox);
}

/* ---- on the callers' ---- */

static inbox_slot *take_slot(bt_inbox *inbox) {
    pthread_mutex_lock(&inbox->lock);
    inbox_slot *slot = inbox->unused;
    if (slot) inbox->unused = slot->next;
    pthread_mutex_unlock(&inbox->lock);
    return slot;
}

static void give_slot(bt_inbox *inbox, inbox_slot *slot) {
    pthread_mutex_lock(&inbox->lock);
    slot->next = inbox->unused;
    inbox->unused = slot;
    pthread_mutex_unlock(&inbox->lock);
}

bt_status bt_inbox_submit(bt_inbox *inbox, bt_service *service, const bt_request *request, uint64_t tag,
                          uint64_t *ticket, bt_error *error) {
    if (!inbox) return bt_fail(error, BT_INVALID, "there is no inbox");
    inbox_slot *slot = take_slot(inbox);
    if (!slot)
        return bt_fail(error, BT_QUEUE_FULL, "the inbox is full: %d answers are awaited or not yet taken",
                       inbox->room);
    slot->answer.tag = tag;
    slot->answer.error.message[0] = '\0';
    atomic_fetch_add(&inbox->users, 1);
    bt_status status = bt_service_submit(service, request, arrive, slot, ticket, error);
    if (status == BT_OK) return BT_OK;
    give_slot(inbox, slot);
    release(inbox);
    return status;
}

/* Everything that has arrived, oldest first. The bell is silenced first: who arrives in between rings again,
 * or is fetched with the rest. */
static void fetch(bt_inbox *inbox) {
    uint64_t rung;
    (void)!read(inbox->fd, &rung, sizeof rung);
    inbox_slot *slot = atomic_exchange(&inbox->arrived, NULL);
    while (slot) {
        inbox_slot *older = slot->next;
        slot->next = inbox->waiting;
        inbox->waiting = slot;
        slot = older;
    }
}

int bt_inbox_take(bt_inbox *inbox, bt_inbox_answer *answers, int room) {
    int count = 0;
    pthread_mutex_lock(&inbox->lock);
    bool fetched = !inbox->waiting;
    if (fetched) fetch(inbox);
    while (count < room && inbox->waiting) {
        inbox_slot *slot = inbox->waiting;
        inbox->waiting = slot->next;
        answers[count++] = slot->answer;
        slot->next = inbox->unused;
        inbox->unused = slot;
    }
    if (fetched && inbox->waiting) ring(inbox); /* the rest is for the next caller */
    pthread_mutex_unlock(&inbox->lock);
    return count;
}
