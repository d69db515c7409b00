#include "kernels/dot.h"

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"

static void run_pixels(const bt_share *share) {
    const bt_dot *d = share->kernel;
    const char *x = (const char *)d->x + (size_t)(share->from * d->channels) * bt_value_bytes(d->bf16);
    share->loops->dot_pixels(d->out + share->from, x, d->weight, d->bias, (size_t)(share->to - share->from),
                             d->channels);
}

void bt_dot_run(const bt_dot *dot, bt_cpu_level level) {
    const bt_share all = {.kernel = dot, .loops = bt_loops_of(level, dot->bf16), .to = dot->pixels};
    bt_share_out(run_pixels, &all, bt_threads_for(dot->pixels * dot->channels, dot->pixels, dot->threads));
}

void bt_dot_reference(const bt_dot *d, double *out) {
    for (int64_t p = 0; p < d->pixels; p++) {
        out[p] = (double)d->bias;
        for (int c = 0; c < d->channels; c++)
            out[p] += (double)bt_element(d->x, d->bf16, (size_t)(p * d->channels + c)) * (double)d->weight[c];
    }
}
