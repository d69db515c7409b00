#include "tune/bench-handling.h"

#include <stdlib.h>

#include "base/clock.h"
#include "networks/class-maps.h"
#include "record/sweep-record.h"
#include "tune/bench-pictures.h"

/* Different pictures. More are more memory; one alone would stay in the caches. */
#define PICTURES 4

/* So long runs go in between, and so long samples are taken beyond the least number. Longer: every model's tuning takes
 * that much longer, twice; shorter: caches are as no lane finds them, and large pictures show no spread. */
#define RUNS_S        0.1
#define LONG_S        0.15
#define SAMPLES_LEAST 5

/* What the lane's threads write to and from. */
typedef struct workroom {
    bt_picture pictures[PICTURES];
    int threads;
    void *scratch;
    uint8_t *mask; /* of the largest picture */
} workroom;

static void close_room(workroom *room) {
    for (int i = 0; i < PICTURES; i++)
        bt_picture_close(&room->pictures[i]);
    free(room->scratch);
    free(room->mask);
}

static bt_status open_room(workroom *room, const bt_handling *h, bt_error *error) {
    const bt_open_order *order = h->order;
    size_t most = 0;
    *room = (workroom){.threads = bt_session_image_threads(&bt_team_session(h->team)->info)};
    bt_status status = bt_bench_raw_pictures(room->pictures, order, PICTURES, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < PICTURES; i++) {
        const size_t pixels = (size_t)room->pictures[i].height * (size_t)room->pictures[i].width;
        if (pixels > most) most = pixels;
    }
    room->scratch = malloc(bt_image_scratch_bytes(BT_IMAGE_SIDE_MAX, order->height, order->width));
    room->mask = malloc(most);
    return room->scratch && room->mask ? BT_OK : bt_no_memory(error, "a picture's mask");
}

static bt_status prepare(const bt_handling *h, workroom *room, const bt_picture *picture, int slot,
                         bt_error *error) {
    const size_t values = 3 * (size_t)h->order->height * (size_t)h->order->width;
    bt_session *session = bt_team_session(h->team);
    if (session->info.takes_pictures)
        return bt_session_put_picture(session, 0, picture->rgb, picture->height, picture->width,
                                      &h->model->norm, error);
    bt_image_prepare(picture->rgb, picture->height, picture->width, &h->model->norm,
                     h->images + (size_t)slot * values, h->order->height, h->order->width, room->threads,
                     room->scratch);
    return BT_OK;
}

/* Of several classes what users ask for: labels, for which a lane makes probabilities of the planes where they lie. */
static void deliver(const bt_handling *h, workroom *room, const bt_picture *picture) {
    const int height = h->order->height, width = h->order->width;
    bt_class_maps maps = {.planes = h->logits,
                          .classes = bt_team_session(h->team)->info.classes,
                          .pixels = (size_t)height * (size_t)width,
                          .output = h->model->output,
                          .map = &h->model->map};
    if (maps.classes == 1)
        bt_image_mask(h->logits, h->model->output, height, width, 0.5f, room->mask, NULL, picture->height,
                      picture->width, room->threads, room->scratch);
    else
        bt_class_maps_label_picture(&maps, h->logits, height, width, 0.5f, room->mask, picture->height,
                                    picture->width, room->threads, room->scratch);
}

/* The picture whose turn it is. */
static bt_status handle(const bt_handling *h, workroom *room, bt_step_kind kind, int turn, bt_error *error) {
    const bt_picture *picture = &room->pictures[turn % PICTURES];
    if (kind == BT_STEP_PREPARE) return prepare(h, room, picture, turn % h->slots, error);
    deliver(h, room, picture);
    return BT_OK;
}

/* The first time is not timed: its memory is new. */
static bt_status time_all(const bt_handling *h, workroom *room, bt_step_kind kind, int runs,
                          double *samples_ms, int *count, bt_error *error) {
    const int64_t start_ns = bt_clock_now_ns();
    bt_status status = handle(h, room, kind, 0, error);
    for (*count = 0; *count < runs && status == BT_OK; ++*count) {
        const double elapsed_s = bt_ms(bt_clock_now_ns() - start_ns) / 1e3;
        if (elapsed_s > LONG_S && *count >= SAMPLES_LEAST) break;
        if (elapsed_s < RUNS_S) status = bt_team_run(h->team, 1, h->images, h->logits, error);
        if (status != BT_OK) break;
        const int64_t before_ns = bt_clock_now_ns();
        status = handle(h, room, kind, *count + 1, error);
        samples_ms[*count] = bt_ms(bt_clock_now_ns() - before_ns);
    }
    return status;
}

bt_status bt_handling_time(const bt_handling *handling, bt_step_kind kind, int runs, double *samples_ms,
                           int *count, bt_error *error) {
    workroom room;
    bt_status status = open_room(&room, handling, error);
    if (status == BT_OK) status = time_all(handling, &room, kind, runs, samples_ms, count, error);
    close_room(&room);
    return status;
}

bt_status bt_idle_time(bt_team *team, const float *images, float *logits, int runs, double *samples_ms,
                       int *count, bt_error *error) {
    double ignored_ms;
    bt_status status = BT_OK;
    *count = 0;
    if (bt_team_session(team)->info.never_idles) return BT_OK;
    status = bt_team_time(team, 1, 1, images, logits, &ignored_ms, error);
    for (int i = 0; i < runs && status == BT_OK; i++) {
        const double gap_ms = bt_idle_gaps_ms[i % BT_IDLE_GAPS];
        if (gap_ms > 0) bt_clock_sleep_until_ns(bt_clock_now_ns() + (int64_t)(gap_ms * BT_NS_PER_MS));
        status = bt_team_time(team, 1, 1, images, logits, &samples_ms[i], error);
        *count += status == BT_OK;
    }
    return status;
}
