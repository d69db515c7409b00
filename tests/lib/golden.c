#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* OpenMP's barriers are futexes of its own that ThreadSanitizer cannot see. */
#if defined(__SANITIZE_THREAD__)
#define THREADS 1
#else
#define THREADS 0 /* all */
#endif

double golden_run(golden_case *one, const char *backend, bt_path path, bool use_amp, bool use_channels_last) {
    const golden_way way = {.backend = backend,
                            .device = "cpu",
                            .path = path,
                            .threads = THREADS,
                            .use_amp = use_amp,
                            .use_channels_last = use_channels_last};
    double relative_error = 0;
    bt_error error;
    if (golden_forward(one, &way, &relative_error, &error) != BT_OK) fail_msg("%s", error.message);
    return relative_error;
}

void golden_each(void (*check)(golden_case *one)) {
    golden_case cases[GOLDEN_CASES];
    bt_error error;
    if (golden_read(cases, &error) != BT_OK) fail_msg("%s", error.message);
    for (int i = 0; i < GOLDEN_CASES; i++)
        check(&cases[i]);
    golden_free(cases);
}

void golden_within_fp32(golden_case *one, const char *backend, bt_path path, bool use_channels_last) {
    double error = golden_run(one, backend, path, false, use_channels_last), limit = 10 * one->relative_error;
    if (!(error <= limit))
        fail_msg("%s %s: relative error %g, at most %g is right", one->model, one->input_name, error, limit);
}
