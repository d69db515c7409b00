/* What onednn.h declares, where this was built without oneDNN's header: loading says so, and nothing else can
 * be reached. */
#include "plan/onednn.h"

#if !__has_include(<oneapi/dnnl/dnnl.h>)

#define REMEDY "install libdnnl-dev and build again"

bt_status bt_onednn_load(bt_cpu_level level, bt_error *error) {
    (void)level;
    return bt_fail(error, BT_UNSUPPORTED, "built without oneDNN, which the compiled plan needs: " REMEDY);
}

const char *bt_onednn_version(void) {
    return "";
}

bt_status bt_conv_open(bt_conv **out, const bt_conv_shape *shape, const float *weights, bt_packed *packed,
                       bt_packed **fresh, bt_error *error) {
    (void)shape;
    (void)weights;
    (void)packed;
    *out = NULL;
    *fresh = NULL;
    return bt_onednn_load(BT_CPU_PORTABLE, error);
}

void bt_conv_close(bt_conv **conv) {
    (void)conv;
}

void bt_packed_close(bt_packed **packed) {
    (void)packed;
}

size_t bt_packed_bytes(const bt_packed *packed) {
    (void)packed;
    return 0;
}

size_t bt_conv_scratch_bytes(const bt_conv *conv) {
    (void)conv;
    return 0;
}

const char *bt_conv_name(const bt_conv *conv) {
    (void)conv;
    return "";
}

void bt_conv_bind(bt_conv *conv, void *x, const float *bias, void *out, void *scratch) {
    (void)conv;
    (void)x;
    (void)bias;
    (void)out;
    (void)scratch;
}

bt_status bt_conv_run(const bt_conv *conv, bt_error *error) {
    (void)conv;
    return bt_onednn_load(BT_CPU_PORTABLE, error);
}

#endif
