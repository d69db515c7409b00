#include "kernels/dot.h"

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

static void run_pixels(const bt_share *share) {
    const bt_dot *d = share->kernel;
    const char *x = (const char *)d->x + (size_t)(share->from * d->channels) * bt_value_bytes(d->type);
    share->loops->dot_pixels(d->out + share->from, x, d->weight, d->bias, (size_t)(share->to - share->from),
                             d->channels);
}

void bt_dot_run(const bt_dot *dot, bt_cpu_level level) {
    const bt_share all = {.kernel = dot, .loops = bt_loops_of(level, dot->type), .to = dot->pixels};
    bt_share_out(run_pixels, &all, bt_threads_for(dot->pixels * dot->channels, dot->pixels, dot->threads));
}

void bt_dot_reference(const bt_dot *d, double *out) {
    for (int64_t p = 0; p < d->pixels; p++) {
        out[p] = (double)d->bias;
        for (int c = 0; c < d->channels; c++)
            out[p] += (double)bt_element(d->x, d->type, (size_t)(p * d->channels + c)) * (double)d->weight[c];
    }
}

/* ---- made-up cases ---- */

void bt_try_dot(bt_trial *t) {
    bt_dot dot = {.pixels = 1 + bt_trial_below(t, 700),
                  .channels = bt_trial_channels(t),
                  .bias = (float)bt_random_normal(&t->random),
                  .type = t->given->type,
                  .threads = t->given->threads};
    const size_t pixels = (size_t)dot.pixels;
    dot.x = bt_trial_activations(t, pixels * (size_t)dot.channels);
    dot.weight = bt_trial_numbers(t, (size_t)dot.channels);
    dot.out = bt_trial_numbers(t, pixels);
    double *wanted = bt_trial_wanted(t, pixels);
    bt_trial_name(t, "%lld pixels, %d channels", (long long)dot.pixels, dot.channels);
    if (t->no_memory) return;
    bt_dot_reference(&dot, wanted);
    bt_dot_run(&dot, t->level);
    bt_trial_compare(t, dot.out, BT_F32, 1, 1, pixels, wanted);
}
