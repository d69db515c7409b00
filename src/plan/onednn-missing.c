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

static bt_status missing(bt_primitive **out, bt_packed **fresh, bt_error *error) {
    *out = NULL;
    *fresh = NULL;
    return bt_onednn_load(BT_CPU_PORTABLE, error);
}

bt_status bt_conv_open(bt_primitive **out, const bt_conv_shape *shape, const void *weights, bt_packed *packed,
                       bt_packed **fresh, bt_error *error) {
    (void)shape;
    (void)weights;
    (void)packed;
    return missing(out, fresh, error);
}

bt_status bt_product_open(bt_primitive **out, const bt_product_shape *shape, const float *weights,
                          bt_packed *packed, bt_packed **fresh, bt_error *error) {
    (void)shape;
    (void)weights;
    (void)packed;
    return missing(out, fresh, error);
}

bt_status bt_activation_open(bt_primitive **out, const bt_activation_shape *shape, bt_error *error) {
    (void)shape;
    *out = NULL;
    return bt_onednn_load(BT_CPU_PORTABLE, error);
}

void bt_primitive_close(bt_primitive **primitive) {
    (void)primitive;
}

void bt_packed_close(bt_packed **packed) {
    (void)packed;
}

size_t bt_packed_bytes(const bt_packed *packed) {
    (void)packed;
    return 0;
}

size_t bt_primitive_scratch_bytes(const bt_primitive *primitive) {
    (void)primitive;
    return 0;
}

const char *bt_primitive_name(const bt_primitive *primitive) {
    (void)primitive;
    return "";
}

void bt_primitive_bind(bt_primitive *primitive, void *x, const float *bias, void *out, void *scratch) {
    (void)primitive;
    (void)x;
    (void)bias;
    (void)out;
    (void)scratch;
}

bt_status bt_primitive_run(const bt_primitive *primitive, bt_error *error) {
    (void)primitive;
    return bt_onednn_load(BT_CPU_PORTABLE, error);
}

#endif
