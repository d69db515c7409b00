#include "kernels/sum.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

static bool is_coarse(const bt_sum *s, int input) {
    return s->inputs[input].height != s->height || s->inputs[input].width != s->width;
}

static int threads_of(const bt_sum *s) {
    int64_t rows = (int64_t)s->batch * s->height;
    return bt_threads_for(rows * s->width * s->channels, rows, s->threads);
}

/* ---- scratch: for each coarse input where columns read, and for each thread its blended row ---- */

static size_t readings_bytes(const bt_sum *s) {
    return bt_rounded((size_t)s->width * sizeof(bt_reading));
}

static size_t row_bytes(const bt_sum *s) {
    size_t most = 0;
    for (int i = 0; i < s->input_count; i++)
        if (is_coarse(s, i) && (size_t)s->inputs[i].width > most) most = (size_t)s->inputs[i].width;
    return bt_rounded(most * (size_t)s->channels * sizeof(float));
}

size_t bt_sum_scratch_bytes(const bt_sum *sum) {
    size_t inputs = (size_t)sum->input_count;
    return inputs * readings_bytes(sum) + (size_t)threads_of(sum) * inputs * row_bytes(sum);
}

static bt_reading *readings_of(const bt_sum *s, void *scratch, int input) {
    return (bt_reading *)(void *)((char *)scratch + (size_t)input * readings_bytes(s));
}

static float *row_of(const bt_sum *s, void *scratch, int thread, int input) {
    size_t inputs = (size_t)s->input_count;
    return (float *)(void *)((char *)scratch + inputs * readings_bytes(s) +
                             ((size_t)thread * inputs + (size_t)input) * row_bytes(s));
}

static bt_reading reading_of(bt_resize how, int i, int fine, int coarse) {
    float at = 0;
    if (how == BT_RESIZE_NEAREST)
        at = (float)((int64_t)i * coarse / fine);
    else if (how == BT_RESIZE_BILINEAR)
        at = fmaxf(((float)i + 0.5F) * (float)coarse / (float)fine - 0.5F, 0);
    else if (fine > 1)
        at = (float)i * (float)(coarse - 1) / (float)(fine - 1);
    int low = (int)at;
    if (low > coarse - 1) low = coarse - 1;
    return (bt_reading){low, low + 1 < coarse ? low + 1 : low, at - (float)low};
}

/* ---- rows ---- */

static bool is_of_bytes(const bt_sum *s, int input) {
    return s->inputs[input].type == BT_U8;
}

/* A row of an input of the output's size. */
static bt_sum_term direct_term(const bt_sum *s, int input, size_t row) {
    const bt_sum_input *from = &s->inputs[input];
    const size_t values = row * (size_t)s->width * (size_t)s->channels;
    return (bt_sum_term){.row = (const char *)from->x + values * bt_value_bytes(from->type),
                         .unit = from->unit};
}

/* A row between two of a coarser input, in this thread's scratch. */
static bt_sum_term blended_term(const bt_sum *s, const bt_share *share, int input, size_t image, size_t y) {
    const bt_sum_input *from = &s->inputs[input];
    const bt_reading at = reading_of(s->resize, (int)y, s->height, from->height);
    const size_t values = (size_t)from->width * (size_t)s->channels, bytes = bt_value_bytes(s->type);
    const char *x = (const char *)from->x + image * (size_t)from->height * values * bytes;
    float *blended = row_of(s, share->scratch, share->thread, input);
    share->loops->blend_rows(blended, x + (size_t)at.low * values * bytes,
                             x + (size_t)at.high * values * bytes, at.share, values);
    return (bt_sum_term){.row = blended, .at = readings_of(s, share->scratch, input)};
}

/* Terms in the order that the loops want: those as they are first, of bytes after those of floats. */
static void run_row(const bt_sum *s, const bt_share *share, int64_t row) {
    const size_t image = (size_t)(row / s->height), y = (size_t)(row % s->height);
    bt_sum_term terms[BT_SUM_MOST];
    int direct = 0, bytes = 0, between = 0;
    for (int i = 0; i < s->input_count; i++)
        if (!is_coarse(s, i) && !is_of_bytes(s, i)) terms[direct++] = direct_term(s, i, (size_t)row);
    for (int i = 0; i < s->input_count; i++)
        if (is_of_bytes(s, i)) terms[direct + bytes++] = direct_term(s, i, (size_t)row);
    for (int i = 0; i < s->input_count; i++)
        if (is_coarse(s, i)) terms[direct + bytes + between++] = blended_term(s, share, i, image, y);
    char *out = (char *)s->out + (size_t)row * (size_t)s->width * s->out_stride * bt_value_bytes(s->out_type);
    if (bytes == 0 && s->out_type != BT_U8) {
        share->loops->sum_row(out, s->out_stride, terms, direct, between, s->width, s->channels, s->relu);
        return;
    }
    const bt_sum_row mixed = {.out = out,
                              .stride = s->out_stride,
                              .terms = terms,
                              .direct = direct,
                              .bytes = bytes,
                              .between = between,
                              .width = s->width,
                              .channels = s->channels,
                              .relu = s->relu,
                              .per_unit = s->out_type == BT_U8 ? s->per_unit : NULL};
    share->loops->sum_row_bytes(&mixed);
}

static void run_rows(const bt_share *share) {
    for (int64_t row = share->from; row < share->to; row++)
        run_row(share->kernel, share, row);
}

void bt_sum_run(const bt_sum *sum, bt_cpu_level level, void *scratch) {
    const bt_share all = {.kernel = sum,
                          .loops = bt_loops_of(level, sum->type),
                          .scratch = scratch,
                          .to = (int64_t)sum->batch * sum->height};
    for (int i = 0; i < sum->input_count; i++)
        for (int x = 0; is_coarse(sum, i) && x < sum->width; x++)
            readings_of(sum, scratch, i)[x] = reading_of(sum->resize, x, sum->width, sum->inputs[i].width);
    bt_share_out(run_rows, &all, threads_of(sum));
}

/* ---- the reference ---- */

/* Channel c of an input at a place between its pixels. */
static double sample(const bt_sum *s, const bt_sum_input *input, int image, double y, double x, int c) {
    int top = (int)y, left = (int)x;
    int bottom = top + 1 < input->height ? top + 1 : top, right = left + 1 < input->width ? left + 1 : left;
    double down = y - top, along = x - left, corners[2][2];
    const int rows[2] = {top, bottom}, columns[2] = {left, right};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            size_t row = (size_t)image * (size_t)input->height + (size_t)rows[i];
            size_t pixel = row * (size_t)input->width + (size_t)columns[j];
            corners[i][j] =
                (double)bt_element(input->x, input->type, pixel * (size_t)s->channels + (size_t)c) *
                (input->type == BT_U8 ? (double)input->unit[c] : 1);
        }
    return (1 - down) * ((1 - along) * corners[0][0] + along * corners[0][1]) +
           down * ((1 - along) * corners[1][0] + along * corners[1][1]);
}

static double place_of(bt_resize how, int i, int fine, int coarse) {
    if (how == BT_RESIZE_NEAREST) return floor((double)i * coarse / fine);
    if (how == BT_RESIZE_BILINEAR) return fmax((i + 0.5) * coarse / fine - 0.5, 0);
    return fine > 1 ? (double)i * (coarse - 1) / (fine - 1) : 0;
}

void bt_sum_reference(const bt_sum *s, double *out) {
    size_t place = 0;
    for (int n = 0; n < s->batch; n++)
        for (int i = 0; i < s->height; i++)
            for (int j = 0; j < s->width; j++)
                for (int c = 0; c < s->channels; c++, place++) {
                    double sum = 0;
                    for (int k = 0; k < s->input_count; k++) {
                        const bt_sum_input *input = &s->inputs[k];
                        sum += sample(s, input, n, place_of(s->resize, i, s->height, input->height),
                                      place_of(s->resize, j, s->width, input->width), c);
                    }
                    sum = s->relu && sum < 0 ? 0 : sum;
                    out[place] = s->out_type == BT_U8 ? fmin(sum * (double)s->per_unit[c], 255) : sum;
                }
}

/* ---- made-up cases ---- */

void bt_try_sum(bt_trial *t) {
    const bool bytes = t->given->type == BT_U8;
    bt_sum sum = {.input_count = 1 + bt_trial_below(t, BT_SUM_MOST),
                  .batch = 1 + bt_trial_below(t, 3),
                  .channels = bt_trial_channels(t),
                  .height = 1 + bt_trial_below(t, 20),
                  .width = 1 + bt_trial_below(t, 20),
                  .type = bytes ? bt_trial_below(t, 2) ? BT_BF16 : BT_F32 : t->given->type,
                  .relu = bytes || bt_trial_below(t, 2),
                  .resize = (bt_resize)bt_trial_below(t, 3),
                  .threads = t->given->threads};
    const size_t pixels = (size_t)(sum.batch * sum.height * sum.width);
    sum.out_stride = (size_t)(sum.channels + bt_trial_below(t, 2) * 5);
    for (int i = 0; i < sum.input_count; i++) {
        bool same = bt_trial_below(t, 2);
        bt_sum_input *input = &sum.inputs[i];
        input->height = same ? sum.height : 1 + bt_trial_below(t, 12);
        input->width = same ? sum.width : 1 + bt_trial_below(t, 12);
        input->type = bytes && same && bt_trial_below(t, 3) ? BT_U8 : sum.type;
        input->unit = bt_trial_units(t, sum.channels, 0.02F);
        input->x = bt_trial_tensor(t, (size_t)(sum.batch * input->height * input->width * sum.channels),
                                   input->type);
    }
    sum.out_type = bytes && bt_trial_below(t, 4) ? BT_U8 : sum.type;
    sum.per_unit = bt_trial_units(t, sum.channels, 40);
    sum.out = bt_trial_tensor(t, pixels * sum.out_stride, sum.out_type);
    double *wanted = bt_trial_wanted(t, pixels * (size_t)sum.channels);
    void *scratch = bt_trial_scratch(t, bt_sum_scratch_bytes(&sum));
    bt_trial_name(t, "%d x %d x %d, %d channels of %zu, %d inputs%s, to %s", sum.batch, sum.height, sum.width,
                  sum.channels, sum.out_stride, sum.input_count, sum.relu ? ", ReLU" : "",
                  bt_value_type_name(sum.out_type));
    if (t->no_memory) return;
    bt_sum_reference(&sum, wanted);
    bt_sum_run(&sum, t->level, scratch);
    bt_trial_compare(t, sum.out, sum.out_type, sum.out_stride, sum.channels, pixels, wanted);
}
