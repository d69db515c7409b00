#include "kernels/upsample.h"

#include <omp.h>
#include <stdint.h>

#include "kernels/element.h"

#define THREADS_MAX  64
#define THREAD_LEAST 16384 /* values: fewer are not worth waking a thread for */

static const bt_upsample_version *version_of(bt_cpu_level level) {
#if defined(__x86_64__)
    static const bt_upsample_version *const versions[BT_CPU_LEVEL_COUNT] = {
        &bt_upsample_portable, &bt_upsample_avx2, &bt_upsample_avx512, &bt_upsample_avx512_bf16};
    return versions[level];
#else
    (void)level;
    return &bt_upsample_portable;
#endif
}

static int threads_of(const bt_upsample *u) {
    int64_t rows = (int64_t)u->batch * u->fine_height;
    int64_t threads = rows * u->fine_width * u->channels / THREAD_LEAST;
    if (threads > u->threads) threads = u->threads;
    if (threads > THREADS_MAX) threads = THREADS_MAX;
    if (threads > rows) threads = rows;
    return threads < 1 ? 1 : (int)threads;
}

/* A coarse row in floats, to whole cache lines. */
static size_t row_floats(const bt_upsample *u) {
    return ((size_t)u->coarse_width * (size_t)u->channels + 15) / 16 * 16;
}

size_t bt_upsample_scratch_bytes(const bt_upsample *upsample) {
    return (size_t)threads_of(upsample) * row_floats(upsample) * sizeof(float);
}

/* Where place `i` of `fine` reads among `coarse`: between `low` and the next, at `share` of the way. */
typedef struct reading {
    int low, high;
    float share;
} reading;

static reading reading_of(int i, int fine, int coarse) {
    float at = fine > 1 ? (float)i * (float)(coarse - 1) / (float)(fine - 1) : 0;
    int low = (int)at;
    if (low > coarse - 1) low = coarse - 1;
    return (reading){low, low + 1 < coarse ? low + 1 : low, at - (float)low};
}

static void run_row(const bt_upsample *u, const bt_upsample_version *version, int64_t row, float *blended) {
    const size_t bytes = u->bf16 ? 2 : 4, channels = (size_t)u->channels;
    const size_t coarse_row = (size_t)u->coarse_width * channels * bytes,
                 fine_row = (size_t)u->fine_width * channels * bytes;
    const int image = (int)(row / u->fine_height);
    const reading y = reading_of((int)(row % u->fine_height), u->fine_height, u->coarse_height);
    const char *coarse = (const char *)u->coarse + (size_t)image * (size_t)u->coarse_height * coarse_row;
    char *fine = (char *)u->fine + (size_t)row * fine_row;
    (u->bf16 ? version->blend_bf16 : version->blend_f32)(blended, coarse + (size_t)y.low * coarse_row,
                                                         coarse + (size_t)y.high * coarse_row, y.share,
                                                         (size_t)u->coarse_width * channels);
    const bt_add_pixel add = u->bf16 ? version->add_bf16 : version->add_f32;
    for (int i = 0; i < u->fine_width; i++) {
        const reading x = reading_of(i, u->fine_width, u->coarse_width);
        add(fine + (size_t)i * channels * bytes, blended + (size_t)x.low * channels,
            blended + (size_t)x.high * channels, x.share, u->channels, u->relu);
    }
}

void bt_upsample_run(const bt_upsample *upsample, bt_cpu_level level, void *scratch) {
    const bt_upsample_version *version = version_of(level);
    const int64_t rows = (int64_t)upsample->batch * upsample->fine_height;
    const int threads = threads_of(upsample);
    if (threads == 1) {
        for (int64_t row = 0; row < rows; row++)
            run_row(upsample, version, row, scratch);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        float *blended = (float *)scratch + (size_t)thread * row_floats(upsample);
        for (int64_t row = rows * thread / count; row < rows * (thread + 1) / count; row++)
            run_row(upsample, version, row, blended);
    }
}

/* ---- the reference ---- */

/* Channel c of the coarse image at a place between its pixels. */
static double sample(const bt_upsample *u, int image, double y, double x, int c) {
    int top = (int)y, left = (int)x;
    int bottom = top + 1 < u->coarse_height ? top + 1 : top,
        right = left + 1 < u->coarse_width ? left + 1 : left;
    double down = y - top, along = x - left, corners[2][2];
    const int rows[2] = {top, bottom}, columns[2] = {left, right};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            corners[i][j] = (double)bt_element(
                u->coarse, u->bf16,
                (((size_t)image * (size_t)u->coarse_height + (size_t)rows[i]) * (size_t)u->coarse_width +
                 (size_t)columns[j]) *
                        (size_t)u->channels +
                    (size_t)c);
    return (1 - down) * ((1 - along) * corners[0][0] + along * corners[0][1]) +
           down * ((1 - along) * corners[1][0] + along * corners[1][1]);
}

static double place_of(int i, int fine, int coarse) {
    return fine > 1 ? (double)i * (coarse - 1) / (fine - 1) : 0;
}

void bt_upsample_reference(const bt_upsample *u, double *out) {
    size_t place = 0;
    for (int n = 0; n < u->batch; n++)
        for (int i = 0; i < u->fine_height; i++)
            for (int j = 0; j < u->fine_width; j++)
                for (int c = 0; c < u->channels; c++, place++) {
                    double sum = (double)bt_element(u->fine, u->bf16, place) +
                                 sample(u, n, place_of(i, u->fine_height, u->coarse_height),
                                        place_of(j, u->fine_width, u->coarse_width), c);
                    out[place] = u->relu && sum < 0 ? 0 : sum;
                }
}
