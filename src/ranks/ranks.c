#include "ranks/ranks.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../../shim/mpi/mpi_shim.h"
#include "base/clock.h"
#include "base/library.h"
#include "base/text.h"
#include "ranks/offset.h"

#define LIBRARY "libbatchtune_mpi.so"
#define REMEDY  "run `make deps-mpi` and `make MPI=1`"

/* How long a wait sleeps before it looks again. Longer: messages lie that much; shorter: looking takes more of a core. */
#define LOOK_NS BT_NS_PER_MS

/* Questions about the time, of which the quickest answer counts. More find a quicker one. */
#define QUESTIONS 200

/* How often a rank says that it is there, and how soon it notices that it is to stop. */
#define BEAT_NS (500 * BT_NS_PER_MS)
#define NAP_NS  (20 * BT_NS_PER_MS)

/* They must not be taken for one another. */
enum { CHANNEL_MESSAGES, CHANNEL_CLOCK, CHANNEL_BEAT };

struct bt_ranks {
    const bt_mpi_shim *shim;
    bt_mpi_place place;
    pthread_mutex_t lock; /* MPI is for one thread at a time; and over heard_ns */
    int64_t *heard_ns;    /* when each was heard last, */
    int64_t looked_ns;    /* and when somebody listened last: this process may have been held up itself */
    pthread_t beater;
    atomic_bool is_leaving;
};

/* ---- the library ---- */

static bt_status load(const bt_mpi_shim **out, bt_error *error) {
    char path[PATH_MAX];
    const bt_mpi_shim *(*table)(void);
    if (bt_library_find(path, sizeof path, LIBRARY, error) != BT_OK)
        return bt_fail(error, BT_UNSUPPORTED, "this build is without MPI (%s): " REMEDY, LIBRARY);
    /* For all to see: OpenMPI's parts are libraries of their own, which look for what they need there. */
    void *library = dlopen(path, RTLD_LAZY | RTLD_GLOBAL);
    if (!library)
        return bt_fail(error, BT_UNSUPPORTED, "MPI does not load: " REMEDY " (%s)", bt_text_load_error());
    if (!bt_library_symbol(library, "bt_mpi_shim_table", &table))
        return bt_fail(error, BT_UNSUPPORTED, "%s is not batchtune's: " REMEDY " again", path);
    *out = table();
    if ((*out)->abi != BT_MPI_ABI)
        return bt_fail(error, BT_UNSUPPORTED, "%s has interface %d, this program needs %d: " REMEDY " again",
                       path, (*out)->abi, BT_MPI_ABI);
    return BT_OK;
}

/* ---- who is there ---- */

static bool is_peer(const bt_ranks *ranks, int rank) {
    return rank != ranks->place.own && (ranks->place.own == 0 || rank == 0);
}

static bool is_silent(const bt_ranks *ranks, int rank) {
    return is_peer(ranks, rank) &&
           ranks->looked_ns - ranks->heard_ns[rank] > BT_RANKS_SILENCE_S * BT_NS_PER_S;
}

/* Hears everybody out, then says that it is there itself; nothing more to whoever is gone. */
static void beat(bt_ranks *ranks) {
    int from;
    void *bytes;
    size_t size;
    pthread_mutex_lock(&ranks->lock);
    while (ranks->shim->take(CHANNEL_BEAT, &from, &bytes, &size, NULL) == BT_OK) {
        ranks->heard_ns[from] = bt_clock_now_ns();
        free(bytes);
    }
    ranks->looked_ns = bt_clock_now_ns();
    for (int rank = 0; rank < ranks->place.count; rank++)
        if (is_peer(ranks, rank) && !is_silent(ranks, rank))
            (void)ranks->shim->send(rank, CHANNEL_BEAT, "", 0, NULL); /* one that fails is a silence */
    pthread_mutex_unlock(&ranks->lock);
}

static void *keep_beating(void *data) {
    bt_ranks *ranks = data;
    for (int64_t next_ns = bt_clock_now_ns(); !atomic_load(&ranks->is_leaving);) {
        if (bt_clock_now_ns() >= next_ns) {
            beat(ranks);
            next_ns = bt_clock_now_ns() + BEAT_NS;
        }
        bt_clock_sleep_until_ns(bt_clock_now_ns() + NAP_NS);
    }
    return NULL;
}

bool bt_ranks_is_gone(bt_ranks *ranks, int rank) {
    pthread_mutex_lock(&ranks->lock);
    const bool gone = is_silent(ranks, rank);
    pthread_mutex_unlock(&ranks->lock);
    return gone;
}

bool bt_ranks_any_gone(bt_ranks *ranks) {
    bool any = false;
    for (int rank = 0; rank < ranks->place.count; rank++)
        any = any || bt_ranks_is_gone(ranks, rank);
    return any;
}

/* ---- meeting and leaving ---- */

static bt_status start_beating(bt_ranks *ranks, bt_error *error) {
    ranks->heard_ns = calloc((size_t)ranks->place.count, sizeof *ranks->heard_ns);
    if (!ranks->heard_ns) return bt_no_memory(error, "ranks");
    ranks->looked_ns = bt_clock_now_ns();
    for (int rank = 0; rank < ranks->place.count; rank++)
        ranks->heard_ns[rank] = ranks->looked_ns;
    if (pthread_create(&ranks->beater, NULL, keep_beating, ranks) != 0)
        return bt_fail(error, BT_NO_MEMORY, "cannot start a thread for the other ranks");
    return BT_OK;
}

bt_status bt_ranks_open(bt_ranks **out, bt_error *error) {
    *out = NULL;
    bt_ranks *ranks = calloc(1, sizeof *ranks);
    if (!ranks) return bt_no_memory(error, "ranks");
    pthread_mutex_init(&ranks->lock, NULL);
    bt_status status = load(&ranks->shim, error);
    if (status == BT_OK) status = ranks->shim->open(&ranks->place, error);
    if (status == BT_OK) status = start_beating(ranks, error);
    if (status == BT_OK) {
        *out = ranks;
        return BT_OK;
    }
    pthread_mutex_destroy(&ranks->lock);
    free(ranks->heard_ns);
    free(ranks);
    return status;
}

void bt_ranks_close(bt_ranks **ranks, bool all_alive) {
    if (!*ranks) return;
    atomic_store(&(*ranks)->is_leaving, true);
    pthread_join((*ranks)->beater, NULL);
    (*ranks)->shim->close(all_alive);
    pthread_mutex_destroy(&(*ranks)->lock);
    free((*ranks)->heard_ns);
    free(*ranks);
    *ranks = NULL;
}

int bt_ranks_own(const bt_ranks *ranks) {
    return ranks->place.own;
}

int bt_ranks_count(const bt_ranks *ranks) {
    return ranks->place.count;
}

int bt_ranks_own_here(const bt_ranks *ranks) {
    return ranks->place.own_here;
}

int bt_ranks_count_here(const bt_ranks *ranks) {
    return ranks->place.count_here;
}

int bt_ranks_own_sharing(const bt_ranks *ranks) {
    return ranks->place.own_sharing;
}

int bt_ranks_count_sharing(const bt_ranks *ranks) {
    return ranks->place.count_sharing;
}

/* ---- messages ---- */

static bt_status send_on(bt_ranks *ranks, int to, int channel, const void *bytes, size_t size,
                         bt_error *error) {
    if (to < 0 || to >= ranks->place.count)
        return bt_fail(error, BT_INVALID, "there is no rank %d of %d", to, ranks->place.count);
    pthread_mutex_lock(&ranks->lock);
    bt_status status = ranks->shim->send(to, channel, bytes, size, error);
    pthread_mutex_unlock(&ranks->lock);
    return status;
}

static bt_status take(bt_ranks *ranks, int channel, int *from, void **bytes, size_t *size, bt_error *error) {
    pthread_mutex_lock(&ranks->lock);
    bt_status status = ranks->shim->take(channel, from, bytes, size, error);
    pthread_mutex_unlock(&ranks->lock);
    return status;
}

bt_status bt_ranks_send(bt_ranks *ranks, int to, const void *bytes, size_t size, bt_error *error) {
    return send_on(ranks, to, CHANNEL_MESSAGES, bytes, size, error);
}

bt_status bt_ranks_receive(bt_ranks *ranks, double limit_ms, int *from, void **bytes, size_t *size,
                           bt_error *error) {
    const int64_t until_ns = bt_clock_now_ns() + (int64_t)(limit_ms * 1e6);
    for (;;) {
        bt_status status = take(ranks, CHANNEL_MESSAGES, from, bytes, size, error);
        if (status != BT_TIMEOUT) return status;
        const int64_t now_ns = bt_clock_now_ns();
        if (now_ns >= until_ns) return bt_fail(error, BT_TIMEOUT, "no message came");
        bt_clock_sleep_until_ns(now_ns + LOOK_NS < until_ns ? now_ns + LOOK_NS : until_ns);
    }
}

/* ---- clocks ---- */

/* A question, or its answer: who has enough says so. */
typedef struct clock_message {
    int64_t time_ns;
    int32_t is_last;
} clock_message;

/* Waits without sleeping, since what it waits for is timed; but others on the same core may go on. */
static bt_status await_clock(bt_ranks *ranks, int64_t until_ns, int *from, clock_message *out,
                             bt_error *error) {
    for (;;) {
        void *bytes;
        size_t size;
        bt_status status = take(ranks, CHANNEL_CLOCK, from, &bytes, &size, error);
        if (status == BT_OK) {
            const bool whole = size == sizeof *out;
            if (whole) memcpy(out, bytes, sizeof *out);
            free(bytes);
            return whole ? BT_OK : bt_fail(error, BT_PARSE, "rank %d sent no question about the time", *from);
        }
        if (status != BT_TIMEOUT) return status;
        if (bt_clock_now_ns() >= until_ns)
            return bt_fail(error, BT_TIMEOUT, "a rank did not compare its clock in time");
        sched_yield();
    }
}

/* Rank 0: answers until everybody has enough. */
static bt_status answer_clocks(bt_ranks *ranks, int64_t until_ns, bt_error *error) {
    bt_status status = BT_OK;
    for (int missing = ranks->place.count - 1; missing > 0 && status == BT_OK;) {
        int from;
        clock_message message;
        status = await_clock(ranks, until_ns, &from, &message, error);
        if (status != BT_OK) break;
        missing -= message.is_last;
        message.time_ns = bt_clock_now_ns();
        if (!message.is_last) status = send_on(ranks, from, CHANNEL_CLOCK, &message, sizeof message, error);
    }
    return status;
}

static bt_status ask_clock(bt_ranks *ranks, int64_t until_ns, bt_ranks_clock_offset *out, bt_error *error) {
    bt_status status = BT_OK;
    bt_offset_estimate estimate = bt_offset_unknown();
    for (int i = 0; i < QUESTIONS && status == BT_OK; i++) {
        clock_message message = {0};
        int from;
        const int64_t asked_ns = bt_clock_now_ns();
        status = send_on(ranks, 0, CHANNEL_CLOCK, &message, sizeof message, error);
        if (status == BT_OK) status = await_clock(ranks, until_ns, &from, &message, error);
        if (status == BT_OK) bt_offset_take(&estimate, asked_ns, message.time_ns, bt_clock_now_ns());
    }
    if (status != BT_OK) return status;
    *out = (bt_ranks_clock_offset){estimate.offset_ns, estimate.bound_ns};
    const clock_message last = {.is_last = 1};
    return send_on(ranks, 0, CHANNEL_CLOCK, &last, sizeof last, error);
}

bt_status bt_ranks_clock(bt_ranks *ranks, double limit_ms, bt_ranks_clock_offset *out, bt_error *error) {
    const int64_t until_ns = bt_clock_now_ns() + (int64_t)(limit_ms * 1e6);
    *out = (bt_ranks_clock_offset){0, 0};
    return ranks->place.own == 0 ? answer_clocks(ranks, until_ns, error)
                                 : ask_clock(ranks, until_ns, out, error);
}
