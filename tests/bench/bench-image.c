/* bench-image: what a picture costs on its way in and its mask on its way out, beside the inference between
 * them: HRNet at the CPU profile's size, timed in the same turns. Prints figures and judges none.
 *
 *   bench-image [THREADS]     of preparing and of inference; all cores unless given */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/cores.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"
#include "image/spheroids.h"
#include "measure/quantile.h"

#define SIDE   128 /* of the network's input */
#define ROUNDS 15
#define RUNS   3 /* of inference, in each round */

static const int sides[] = {128, 256, 512, 1024, 2048, 4096};
#define SIDES_COUNT ((int)(sizeof sides / sizeof *sides))

/* One source size's buffers and times. */
typedef struct source {
    int side;
    uint8_t *rgb, *mask, *png;
    size_t png_size;
    void *scratch;
    double prepare_ms[ROUNDS], one_ms[ROUNDS], mask_ms[ROUNDS], decode_ms[ROUNDS];
} source;

typedef struct bench {
    int threads;
    source sources[SIDES_COUNT];
    float *image, *logits;
    bt_session *session; /* NULL where the plan cannot be had */
    double inference_ms[ROUNDS * RUNS];
} bench;

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "bench-image: %s\n", error->message);
    exit(1);
}

static void *take(size_t bytes) {
    void *memory = calloc(1, bytes);
    if (memory) return memory;
    fprintf(stderr, "bench-image: out of memory\n");
    exit(1);
}

static void open_source(source *s, int side) {
    bt_error error;
    size_t pixels = (size_t)side * (size_t)side;
    s->side = side;
    s->rgb = take(3 * pixels);
    s->mask = take(pixels);
    s->scratch = take(bt_image_scratch_bytes(side, SIDE, SIDE));
    must(bt_spheroids_draw(1, 0, side, side, s->rgb, NULL, &error), &error);
    must(bt_png_encode(s->rgb, side, side, 3, &s->png, &s->png_size, &error), &error);
}

static void open_session(bench *b) {
    bt_error error;
    const bt_session_options options = {.backend = "plan",
                                        .model = "hrnet",
                                        .weights = "demo",
                                        .device = "cpu",
                                        .path = BT_PATH_PRODUCTION,
                                        .height = SIDE,
                                        .width = SIDE,
                                        .threads = b->threads,
                                        .use_amp = true,
                                        .use_channels_last = true};
    bt_status status = bt_session_open(&b->session, &options, &error);
    if (status == BT_UNSUPPORTED) {
        printf("no inference to compare with: %s\n", error.message);
        return;
    }
    must(status, &error);
    must(bt_session_prepare(b->session, 1, &error), &error);
    must(bt_session_run(b->session, 1, b->image, b->logits, &error), &error);
}

static double since_ms(int64_t start_ns) {
    return bt_ms(bt_clock_now_ns() - start_ns);
}

static void time_source(const bench *b, source *s, int round) {
    bt_picture picture;
    bt_error error;
    int64_t start_ns = bt_clock_now_ns();
    bt_image_prepare(s->rgb, s->side, s->side, NULL, b->image, SIDE, SIDE, 1, s->scratch);
    s->one_ms[round] = since_ms(start_ns);
    start_ns = bt_clock_now_ns();
    bt_image_prepare(s->rgb, s->side, s->side, NULL, b->image, SIDE, SIDE, b->threads, s->scratch);
    s->prepare_ms[round] = since_ms(start_ns);
    start_ns = bt_clock_now_ns();
    bt_image_mask(b->logits, BT_OUTPUT_LOGITS, SIDE, SIDE, 0.5f, s->mask, NULL, s->side, s->side, b->threads,
                  s->scratch);
    s->mask_ms[round] = since_ms(start_ns);
    start_ns = bt_clock_now_ns();
    must(bt_picture_decode(&picture, s->png, s->png_size, "made", NULL, &error), &error);
    s->decode_ms[round] = since_ms(start_ns);
    bt_picture_close(&picture);
}

static void time_round(bench *b, int round) {
    bt_error error;
    for (int run = 0; run < RUNS && b->session; run++) {
        int64_t start_ns = bt_clock_now_ns();
        must(bt_session_run(b->session, 1, b->image, b->logits, &error), &error);
        b->inference_ms[round * RUNS + run] = since_ms(start_ns);
    }
    for (int i = 0; i < SIDES_COUNT; i++)
        time_source(b, &b->sources[i], round);
}

static double median(double *values, int count) {
    bt_sort(values, (size_t)count);
    return bt_quantile(values, (size_t)count, 0.5);
}

static void print_source(source *s, double inference_ms) {
    double prepare = median(s->prepare_ms, ROUNDS), mask = median(s->mask_ms, ROUNDS);
    double one = median(s->one_ms, ROUNDS), bytes = 3.0 * s->side * s->side;
    printf("%4d x %-4d  prepare %8.3f ms %8.0f MB/s  (one thread %8.3f)  mask %8.3f ms  PNG decoded %8.2f ms",
           s->side, s->side, prepare, bytes / prepare / 1e3, one, mask, median(s->decode_ms, ROUNDS));
    if (inference_ms > 0)
        printf("  prepare + mask %5.1f %% of inference", 100 * (prepare + mask) / inference_ms);
    putchar('\n');
}

int main(int argc, char **argv) {
    static bench b;
    b.threads = argc > 1 ? atoi(argv[1]) : bt_cores_count();
    if (b.threads < 1) {
        fprintf(stderr, "bench-image: \"%s\" is no number of threads\n", argv[1]);
        return 2;
    }
    b.image = take(3 * SIDE * SIDE * sizeof *b.image);
    b.logits = take(SIDE * SIDE * sizeof *b.logits);
    for (int i = 0; i < SIDES_COUNT; i++)
        open_source(&b.sources[i], sides[i]);
    open_session(&b);
    for (int round = 0; round < ROUNDS; round++)
        time_round(&b, round);
    double inference_ms = b.session ? median(b.inference_ms, ROUNDS * RUNS) : 0;
    printf("to and from %d x %d, at most %d threads, medians of %d turns", SIDE, SIDE, b.threads, ROUNDS);
    if (b.session)
        printf("; HRNet's inference (plan, %s) %.2f ms", bt_session_describe(b.session)->precision,
               inference_ms);
    putchar('\n');
    for (int i = 0; i < SIDES_COUNT; i++) {
        source *s = &b.sources[i];
        print_source(s, inference_ms);
        free(s->rgb), free(s->mask), free(s->png), free(s->scratch);
    }
    bt_session_close(&b.session);
    free(b.image), free(b.logits);
    return 0;
}
