/* Row by row: each class's row is resized and held against the highest so far, so that no plane of the picture's size is
 * ever kept. */
#include "image/labels.h"

#include <math.h>
#include <omp.h>

#include "image/resample.inc"
#include "image/resize.h"

/* A thread is not woken for fewer values than this: see resize.c. */
#define THREAD_READS (1 << 19)

typedef struct label_job {
    const float *planes;
    int classes, from_height, from_width, height, width;
    float least;
    uint8_t none, *labels;
    taps across;
    float *rows; /* row_floats for each thread: a source's row, two of the output's */
    size_t row_floats;
} label_job;

INLINE void label_row(const label_job *j, int y, float *row) {
    const size_t plane = (size_t)j->from_height * (size_t)j->from_width, width = (size_t)j->width;
    const window down = window_at(y, j->from_height, j->height);
    float *restrict value = row + j->from_width, *restrict most = value + width;
    uint8_t *restrict label = j->labels + (size_t)y * width;
    for (int c = 0; c < j->classes; c++) {
        const float *first = j->planes + (size_t)c * plane + (size_t)down.start * (size_t)j->from_width;
        blend_floats(row, first, (size_t)j->from_width, &down);
        blend_across(value, row, &j->across, j->width);
        for (size_t x = 0; x < width; x++) {
            const int higher = c == 0 || value[x] > most[x];
            most[x] = higher ? value[x] : most[x];
            label[x] = higher ? (uint8_t)c : label[x];
        }
    }
    for (size_t x = 0; x < width; x++)
        label[x] = most[x] > j->least ? label[x] : j->none;
}

INLINE void label_rows(const label_job *j, int from, int to, float *row) {
    for (int y = from; y < to; y++)
        label_row(j, y, row);
}

static void label_anywhere(const label_job *j, int from, int to, float *row) {
    label_rows(j, from, to, row);
}

__attribute__((target("avx2,fma"))) static void label_avx2(const label_job *j, int from, int to, float *row) {
    label_rows(j, from, to, row);
}

static int threads_for(const label_job *j, int most) {
    const size_t reads = (size_t)j->classes * ((size_t)j->from_height * (size_t)j->from_width +
                                               (size_t)j->height * (size_t)j->width);
    size_t threads = reads / THREAD_READS;
    if (threads > (size_t)most) threads = (size_t)most;
    if (threads > BT_IMAGE_THREADS_MAX) threads = BT_IMAGE_THREADS_MAX;
    if (threads > (size_t)j->height) threads = (size_t)j->height;
    return threads > 1 ? (int)threads : 1;
}

void bt_image_labels(const float *planes, int classes, int height, int width, float least, uint8_t none,
                     uint8_t *labels, int to_height, int to_width, int threads, void *scratch) {
    label_job j = {.planes = planes,
                   .classes = classes,
                   .from_height = height,
                   .from_width = width,
                   .height = to_height,
                   .width = to_width,
                   .least = least,
                   .none = none,
                   .labels = labels};
    j.rows = lay_taps(&j.across, scratch, width, to_width);
    j.row_floats = row_floats(larger(width, to_width));
    void (*label)(const label_job *, int, int, float *) =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? label_avx2 : label_anywhere;
    const int count = threads_for(&j, threads);
#pragma omp parallel num_threads(count) if (count > 1)
    {
        const int thread = count > 1 ? omp_get_thread_num() : 0,
                  shares = count > 1 ? omp_get_num_threads() : 1;
        label(&j, (int)((int64_t)to_height * thread / shares),
              (int)((int64_t)to_height * (thread + 1) / shares), j.rows + (size_t)thread * j.row_floats);
    }
}
