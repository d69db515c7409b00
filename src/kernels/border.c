#include "kernels/border.h"

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/trial.h"

static const float *lacking_at(const bt_border *b, int y, int x) {
    const int kind =
        4 * bt_border_missed(y, b->stride, b->in_height) + bt_border_missed(x, b->stride, b->in_width);
    return kind == 0 ? NULL : b->lacking + (size_t)kind * (size_t)b->channels;
}

void bt_border_run(const bt_border *border, bt_cpu_level level) {
    const bt_border *b = border;
    const bt_loops *loops = bt_loops_of(level, b->type);
    const size_t pixel = (size_t)b->channels * bt_value_bytes(b->type);
    for (int n = 0; n < b->batch; n++)
        for (int y = 0; y < b->height; y++) {
            char *row = (char *)b->out + (size_t)(n * b->height + y) * (size_t)b->width * pixel;
            const bool edge = bt_border_missed(y, b->stride, b->in_height) != 0;
            /* Inside, the first pixel of a row and the last. */
            for (int x = 0; x < b->width; x += edge || x + 1 >= b->width ? 1 : b->width - 1) {
                const float *what = lacking_at(b, y, x);
                if (what) loops->add_to_pixel(row + (size_t)x * pixel, what, b->channels);
            }
        }
}

void bt_border_reference(const bt_border *b, double *out) {
    for (int n = 0, p = 0; n < b->batch; n++)
        for (int y = 0; y < b->height; y++)
            for (int x = 0; x < b->width; x++, p++) {
                const float *what = lacking_at(b, y, x);
                for (int c = 0; c < b->channels; c++) {
                    const size_t place = (size_t)p * (size_t)b->channels + (size_t)c;
                    out[place] = (double)bt_element(b->out, b->type, place) + (what ? (double)what[c] : 0);
                }
            }
}

/* ---- made-up cases ---- */

void bt_try_border(bt_trial *t) {
    bt_border b = {.batch = 1 + bt_trial_below(t, 3),
                   .channels = bt_trial_channels(t),
                   .in_height = 1 + bt_trial_below(t, 12),
                   .in_width = 1 + bt_trial_below(t, 12),
                   .stride = 1 + bt_trial_below(t, 2),
                   .type = t->given->type};
    b.height = (b.in_height - 1) / b.stride + 1;
    b.width = (b.in_width - 1) / b.stride + 1;
    const size_t pixels = (size_t)(b.batch * b.height * b.width);
    b.out = bt_trial_activations(t, pixels * (size_t)b.channels);
    b.lacking = bt_trial_numbers(t, (size_t)(BT_BORDER_KINDS * b.channels));
    double *wanted = bt_trial_wanted(t, pixels * (size_t)b.channels);
    bt_trial_name(t, "%d x %d x %d, stride %d, %d channels", b.batch, b.height, b.width, b.stride,
                  b.channels);
    if (t->no_memory) return;
    bt_border_reference(&b, wanted);
    bt_border_run(&b, t->level);
    bt_trial_compare(t, b.out, b.type, (size_t)b.channels, b.channels, pixels, wanted);
}
