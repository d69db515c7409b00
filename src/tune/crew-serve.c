/* The other ranks' side. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cores.h"
#include "base/version.h"
#include "tune/crew-talk.h"
#include "tune/crew.h"

/* How long it waits for a message before it looks at its hand; and while that has nothing to do. */
#define LOOK_MS 1
#define IDLE_MS 20

/* What a rank that serves has. */
typedef struct service {
    bt_ranks *ranks;
    bt_optimize_options options;
    char folder[BT_PATH_SIZE];
    bt_hand *hand; /* NULL: nothing was given yet */
    bt_work next; /* given while it was busy: rank 0 had taken it for dead, and the work before it for lost */
    bool is_busy, has_next, is_over, all_alive;
} service;

/* ---- cores ---- */

int bt_crew_take_slice(const bt_ranks *ranks) {
    const bt_cores cores = bt_cores_read();
    const int sharing = bt_ranks_count_sharing(ranks), own = bt_ranks_own_sharing(ranks);
    if (sharing < 2) return cores.count;
    const int each = cores.count / sharing;
    const int first = each > 0 ? own * each : own, count = each > 0 ? each : 1;
    if (first + count > cores.count) return 0;
    cpu_set_t slice;
    CPU_ZERO(&slice);
    for (int cpu = 0, at = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &cores.mask)) continue;
        if (at >= first && at < first + count) CPU_SET(cpu, &slice);
        at++;
    }
    return sched_setaffinity(0, sizeof slice, &slice) == 0 ? count : 0;
}

void bt_crew_take_device(const bt_ranks *ranks, char *device, size_t size, bool has_gpu) {
    int first = 0, end = 0;
    const int own = bt_ranks_own_here(ranks);
    const bool is_named = sscanf(device, "cuda:%3d%n", &first, &end) == 1 && device[end] == '\0';
    if (own > 0 && (is_named || (has_gpu && strcmp(device, "auto") == 0)))
        snprintf(device, size, "cuda:%d", first + own);
}

/* ---- serving ---- */

static bt_status say_ready(service *s, const char *trouble, bt_error *error) {
    bt_talk talk = {.kind = BT_TALK_READY};
    snprintf(talk.ready.version, sizeof talk.ready.version, "%s", bt_version());
    snprintf(talk.ready.machine, sizeof talk.ready.machine, "%s", s->options.machine->fingerprint);
    snprintf(talk.ready.trouble, sizeof talk.ready.trouble, "%s", trouble);
    talk.ready.cores = bt_cores_count();
    if (gethostname(talk.ready.host, sizeof talk.ready.host - 1) != 0) talk.ready.host[0] = '\0';
    return bt_talk_send(s->ranks, 0, &talk, error);
}

static bt_status take_work(service *s, const bt_talk *talk, bt_error *error) {
    bt_status status = BT_OK;
    if (!s->hand) {
        memcpy(s->folder, talk->folder, sizeof s->folder);
        s->options.folder = s->folder;
        status = bt_hand_open(&s->hand, &s->options, error);
    }
    if (status != BT_OK) return status;
    s->next = talk->work;
    s->has_next = true;
    return BT_OK;
}

static void begin_work(service *s) {
    if (s->is_busy || !s->has_next) return;
    bt_hand_give(s->hand, &s->next);
    s->is_busy = true;
    s->has_next = false;
}

/* Tells all that is new. */
static bt_status pass_news_on(service *s, bt_error *error) {
    bt_talk talk = {.kind = BT_TALK_NEWS};
    bt_status status = BT_OK;
    while (status == BT_OK && s->hand && bt_hand_news(s->hand, &talk.news)) {
        if (talk.news.kind == BT_NEWS_DONE) s->is_busy = false;
        status = bt_talk_send(s->ranks, 0, &talk, error);
    }
    return status;
}

static bt_status serve_once(service *s, bt_error *error) {
    bt_talk talk;
    int from;
    bt_status status = bt_talk_receive(s->ranks, s->is_busy ? LOOK_MS : IDLE_MS, &from, &talk, error);
    if (status == BT_OK && talk.kind == BT_TALK_WORK) status = take_work(s, &talk, error);
    if (status == BT_OK && talk.kind == BT_TALK_BYE) {
        s->is_over = true;
        s->all_alive = talk.all_alive;
    }
    if (status != BT_OK && status != BT_TIMEOUT) return status;
    s->is_over = s->is_over || bt_ranks_is_gone(s->ranks, 0) || bt_tuning_stopped(&s->options);
    if (s->is_over) return BT_OK;
    status = pass_news_on(s, error);
    begin_work(s);
    return status;
}

bt_status bt_crew_serve(bt_ranks *ranks, const bt_optimize_options *options, const char *trouble,
                        bool *all_alive, bt_error *error) {
    *all_alive = false;
    service *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "a rank's service");
    s->ranks = ranks;
    s->options = *options;
    bt_status status = say_ready(s, trouble, error);
    while (status == BT_OK && !s->is_over)
        status = serve_once(s, error);
    *all_alive = status == BT_OK && s->all_alive;
    bt_hand_close(&s->hand);
    free(s);
    return status;
}
