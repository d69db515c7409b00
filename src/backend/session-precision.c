#include "backend/session-precision.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "kernels/cpu.h"
#include "networks/model.h"
#include "plan/pays.h"

/* BF16 is taken where the convolution gains this much. Lower, and noise decides between equals, of which BF16 is the
 * less exact; higher gives away speed. */
#define PAYS 1.05

static bool has_bf16(void) {
    return bt_cpu_best_level() >= BT_CPU_AVX512_BF16;
}

bt_runs_on bt_session_runs_on(const bt_session_options *options) {
    if (strcmp(options->device, "cpu") != 0) return BT_RUNS_ON_CUDA;
    const bool by_name = strcmp(options->backend, "plan") == 0;
    const bool planned = options->path == BT_PATH_PRODUCTION && (options->use_channels_last || by_name);
    return planned && options->resolved->kind == BT_MODEL_NETWORK ? BT_RUNS_PLANNED : BT_RUNS_ON_CPU;
}

bool bt_session_precision_exists(bt_precision precision, bt_runs_on where) {
    switch (precision) {
    case BT_PRECISION_BF16:
        return where == BT_RUNS_ON_CUDA || has_bf16();
    case BT_PRECISION_FP16:
        return where == BT_RUNS_ON_CUDA;
    case BT_PRECISION_INT8:
        return where == BT_RUNS_PLANNED;
    default:
        return true;
    }
}

bt_status bt_session_precision_refuse(bt_precision precision, bt_runs_on where, bt_error *error) {
    switch (precision) {
    case BT_PRECISION_FP16:
        return bt_fail(
            error, BT_INVALID,
            "FP16 is a GPU's: on a CPU give --precision bf16, fp32, or auto for the faster of the two");
    case BT_PRECISION_BF16:
        return bt_fail(
            error, BT_INVALID,
            "this CPU has no AVX512-BF16, without which BF16 is slow: give --precision fp32 or auto");
    default:
        return bt_fail(error, BT_INVALID, "INT8 is the compiled plan's, and %s: give --precision auto",
                       where == BT_RUNS_ON_CUDA ? "that runs on a CPU" : "libtorch runs this model");
    }
}

/* What AMP comes to on a CPU. */
static bt_precision of_cpu(char note[160]) {
    double speed;
    bt_error why;
    if (!has_bf16()) {
        snprintf(note, 160, "AMP was asked for, but this CPU does not have AVX512-BF16: FP32 is faster here");
        return BT_PRECISION_FP32;
    }
    if (bt_bf16_speed(&speed, &why) != BT_OK) {
        snprintf(note, 160, "BF16 was not tried (%.80s): --precision bf16 takes it", why.message);
        return BT_PRECISION_FP32;
    }
    if (speed >= PAYS) return BT_PRECISION_BF16;
    bt_text_format(note, 160, "BF16 runs a convolution at %.2f of FP32's speed here: FP32 is taken", speed);
    return BT_PRECISION_FP32;
}

bt_status bt_session_precision(bt_precision *out, char note[160], const bt_session_options *options,
                               bt_runs_on where, bt_error *error) {
    *out = BT_PRECISION_FP32;
    note[0] = '\0';
    if (options->path == BT_PATH_STANDARD) return BT_OK;
    if (!bt_precision_is_open(options->precision)) {
        if (!bt_session_precision_exists(options->precision, where))
            return bt_session_precision_refuse(options->precision, where, error);
        *out = options->precision;
    } else if (options->use_amp) {
        *out = where == BT_RUNS_ON_CUDA ? BT_PRECISION_FP16 : of_cpu(note);
    }
    return BT_OK;
}
