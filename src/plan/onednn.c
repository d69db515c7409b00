/* Built where oneDNN's header is; onednn-missing.c stands in elsewhere. */
#include "plan/onednn.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "plan/onednn-library.h"

#define ALIGNMENT 64
#define HUGE_PAGE (2 << 20)

enum { SOURCE, WEIGHTS, BIAS, TARGET, SCRATCH, MEMORIES };

struct bt_packed {
    dnnl_memory_desc_t layout;
    void *values;
    size_t bytes;
    bool mapped; /* by mmap, in huge pages where the system has them to give */
};

struct bt_primitive {
    dnnl_primitive_t itself;
    dnnl_memory_t memories[MEMORIES];
    dnnl_exec_arg_t arguments[MEMORIES];
    int argument_count;
    size_t scratch_bytes;
    char name[48];
};

static bt_status fail(dnnl_status_t status, const char *doing, bt_error *error) {
    if (status == dnnl_out_of_memory) return bt_fail(error, BT_NO_MEMORY, "oneDNN, %s: out of memory", doing);
    return bt_fail(error, BT_BACKEND, "oneDNN %s, %s: status %d", lib.text, doing, (int)status);
}

/* ---- weights ---- */

static bool room_for(bt_packed *packed, size_t bytes) {
    packed->bytes = bytes;
    packed->mapped = bytes >= HUGE_PAGE;
    if (!packed->mapped)
        return (packed->values = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT)) !=
               NULL;
    packed->values = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (packed->values == MAP_FAILED) packed->values = NULL;
    if (packed->values) madvise(packed->values, bytes, MADV_HUGEPAGE); /* a wish */
    return packed->values != NULL;
}

void bt_packed_close(bt_packed **packed) {
    if (!packed || !*packed) return;
    if (!(*packed)->mapped)
        free((*packed)->values);
    else if ((*packed)->values)
        munmap((*packed)->values, (*packed)->bytes);
    free(*packed);
    *packed = NULL;
}

/* dnnl_memory_create that leaves NULL behind when it fails. */
static dnnl_status_t memory_of(dnnl_memory_t *out, const dnnl_memory_desc_t *layout, void *values) {
    dnnl_status_t status = lib.memory_create(out, layout, lib.engine, values);
    if (status != dnnl_success) *out = NULL;
    return status;
}

/* Copies `from` to `to`, each in its own layout and type. */
static dnnl_status_t reorder(const dnnl_memory_desc_t *from_layout, void *from,
                             const dnnl_memory_desc_t *to_layout, void *to) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t memories[2] = {NULL, NULL};
    dnnl_status_t status =
        lib.reorder_primitive_desc_create(&description, from_layout, lib.engine, to_layout, lib.engine, NULL);
    if (status == dnnl_success) status = lib.primitive_create(&primitive, description);
    if (status == dnnl_success) status = memory_of(&memories[0], from_layout, from);
    if (status == dnnl_success) status = memory_of(&memories[1], to_layout, to);
    if (status == dnnl_success) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, memories[0]}, {DNNL_ARG_TO, memories[1]}};
        status = lib.primitive_execute(primitive, lib.stream, 2, arguments);
    }
    if (status == dnnl_success) status = lib.stream_wait(lib.stream);
    for (int i = 0; i < 2; i++)
        if (memories[i]) lib.memory_destroy(memories[i]);
    if (primitive) lib.primitive_destroy(primitive);
    if (description) lib.primitive_desc_destroy(description);
    return status;
}

/* The weights in `layout`: those given, which lie as `plain` says, or those packed for another shape. */
static bt_status pack(bt_packed **out, const dnnl_memory_desc_t *layout, const dnnl_memory_desc_t *plain,
                      const void *weights, const bt_packed *other, bt_error *error) {
    bt_packed *packed = calloc(1, sizeof *packed);
    if (!packed || !room_for(packed, lib.memory_desc_get_size(layout))) {
        bt_packed_close(&packed);
        return bt_no_memory(error, "a convolution's weights");
    }
    packed->layout = *layout;
    dnnl_status_t status = other ? reorder(&other->layout, other->values, layout, packed->values)
                                 : reorder(plain, (void *)(uintptr_t)weights, layout, packed->values);
    if (status != dnnl_success) {
        bt_packed_close(&packed);
        return fail(status, "packing weights", error);
    }
    *out = packed;
    return BT_OK;
}

/* ---- what is computed ---- */

#define BY_OUT_CHANNEL (1 << 1)

typedef struct eltwise {
    dnnl_alg_kind_t kind;
    float alpha, beta;
} eltwise;

static eltwise eltwise_of(bt_activation activation, float slope) {
    switch (activation) {
    case BT_ACTIVATION_SIGMOID:
        return (eltwise){dnnl_eltwise_logistic, 0, 0};
    case BT_ACTIVATION_RELU6:
        return (eltwise){dnnl_eltwise_clip, 0, 6};
    case BT_ACTIVATION_SILU:
        return (eltwise){dnnl_eltwise_swish, 1, 0};
    case BT_ACTIVATION_LEAKY:
        return (eltwise){dnnl_eltwise_relu, slope, 0};
    default:
        return (eltwise){dnnl_eltwise_relu, 0, 0};
    }
}

/* What follows a convolution within it: what its output holds is added, then the activation. */
static dnnl_status_t follow(dnnl_primitive_attr_t attributes, const bt_conv_shape *s) {
    dnnl_post_ops_t after = NULL;
    const eltwise last = eltwise_of(s->activation, s->slope);
    if (!s->adds && s->activation == BT_ACTIVATION_NONE) return dnnl_success;
    dnnl_status_t status = lib.post_ops_create(&after);
    if (status == dnnl_success && s->adds) status = lib.post_ops_append_sum(after, 1);
    if (status == dnnl_success && s->activation != BT_ACTIVATION_NONE)
        status = lib.post_ops_append_eltwise(after, 1, last.kind, last.alpha, last.beta);
    if (status == dnnl_success) status = lib.primitive_attr_set_post_ops(attributes, after);
    if (after) lib.post_ops_destroy(after);
    return status;
}

/* A description with oneDNN's favourite implementation; scratch memory is the caller's. `conv` where it is a
 * convolution. */
static dnnl_status_t choose(dnnl_primitive_desc_t *out, const void *what, const bt_conv_shape *conv) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = lib.primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = lib.primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && conv && conv->scales)
        status = lib.primitive_attr_set_output_scales(attributes, conv->out_channels, BY_OUT_CHANNEL,
                                                      conv->scales);
    if (status == dnnl_success && conv) status = follow(attributes, conv);
    if (status == dnnl_success) status = lib.primitive_desc_create(out, what, attributes, lib.engine, NULL);
    if (attributes) lib.primitive_attr_destroy(attributes);
    return status;
}

static dnnl_data_type_t type_of(bt_value_type type) {
    return type == BT_U8 ? dnnl_u8 : type == BT_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* A tensor of a primitive, whose layout `tag` says or leaves to the implementation. */
typedef struct tensor {
    dnnl_memory_desc_t *layout;
    int rank;
    dnnl_dims_t dims;
    dnnl_data_type_t type;
    dnnl_format_tag_t tag;
} tensor;

static dnnl_status_t lay_out(const tensor *tensors, size_t count) {
    dnnl_status_t status = dnnl_success;
    for (const tensor *t = tensors; t < tensors + count && status == dnnl_success; t++)
        status = lib.memory_desc_init_by_tag(t->layout, t->rank, t->dims, t->type, t->tag);
    return status;
}

/* A convolution's weights: groups are a dimension of their own, where there are several. */
static tensor filter_of(dnnl_memory_desc_t *layout, const bt_conv_shape *s, dnnl_data_type_t type,
                        bool plain) {
    const int groups = bt_conv_groups(s), out = s->out_channels / groups, in = s->channels / groups,
              k = s->kernel;
    if (groups == 1)
        return (tensor){layout, 4, {out, in, k, k}, type, plain ? dnnl_oihw : dnnl_format_tag_any};
    return (tensor){layout, 5, {groups, out, in, k, k}, type, plain ? dnnl_goihw : dnnl_format_tag_any};
}

/* Activations are channels_last; `plain` is how the caller has the weights. */
static dnnl_status_t describe_conv(dnnl_primitive_desc_t *out, dnnl_memory_desc_t *plain,
                                   const bt_conv_shape *s) {
    const dnnl_data_type_t type = type_of(s->type), by = s->type == BT_U8 ? dnnl_s8 : type,
                           given = s->type == BT_U8 ? dnnl_s8 : dnnl_f32;
    const int out_height = bt_conv_out_size(s->height, s), out_width = bt_conv_out_size(s->width, s),
              between = bt_conv_dilation(s) - 1;
    const dnnl_dims_t strides = {s->stride, s->stride}, padding = {s->padding, s->padding},
                      dilation = {between, between};
    dnnl_memory_desc_t from, weights, bias, to;
    const tensor tensors[] = {
        {&from, 4, {s->batch, s->channels, s->height, s->width}, type, dnnl_nhwc},
        filter_of(&weights, s, by, false),
        filter_of(plain, s, given, true),
        {&bias, 1, {s->out_channels}, dnnl_f32, dnnl_a},
        {&to, 4, {s->batch, s->out_channels, out_height, out_width}, type_of(s->out_type), dnnl_nhwc},
    };
    dnnl_convolution_desc_t what;
    dnnl_status_t status = lay_out(tensors, sizeof tensors / sizeof *tensors);
    if (status == dnnl_success)
        status = lib.dilated_convolution_forward_desc_init(
            &what, dnnl_forward_inference, dnnl_convolution_direct, &from, &weights, s->bias ? &bias : NULL,
            &to, strides, dilation, padding, padding);
    return status == dnnl_success ? choose(out, &what, s) : status;
}

static dnnl_status_t describe_product(dnnl_primitive_desc_t *out, dnnl_memory_desc_t *plain,
                                      const bt_product_shape *s) {
    const dnnl_data_type_t type = type_of(s->type);
    dnnl_memory_desc_t from, by, to;
    const tensor tensors[] = {
        {&from, 3, {s->count, s->rows, s->inner}, type, dnnl_abc},
        {&by, 3, {s->count, s->inner, s->columns}, type, dnnl_format_tag_any},
        {plain, 3, {s->count, s->inner, s->columns}, dnnl_f32, dnnl_abc},
        {&to, 3, {s->count, s->rows, s->columns}, dnnl_f32, dnnl_abc},
    };
    dnnl_matmul_desc_t what;
    dnnl_status_t status = lay_out(tensors, sizeof tensors / sizeof *tensors);
    if (status == dnnl_success) status = lib.matmul_desc_init(&what, &from, &by, NULL, &to);
    return status == dnnl_success ? choose(out, &what, NULL) : status;
}

static dnnl_status_t describe_activation(dnnl_primitive_desc_t *out, const bt_activation_shape *s) {
    const eltwise kind = eltwise_of(s->activation, s->slope);
    dnnl_memory_desc_t layout;
    const tensor all = {&layout, 1, {s->count}, type_of(s->type), dnnl_a};
    dnnl_eltwise_desc_t what;
    dnnl_status_t status = lay_out(&all, 1);
    if (status == dnnl_success)
        status = lib.eltwise_forward_desc_init(&what, dnnl_forward_inference, kind.kind, &layout, kind.alpha,
                                               kind.beta);
    return status == dnnl_success ? choose(out, &what, NULL) : status;
}

/* ---- made and run ---- */

static dnnl_status_t make(bt_primitive *primitive, dnnl_primitive_desc_t description, const bt_packed *packed,
                          bool bias) {
    static const struct {
        dnnl_query_t query;
        int argument;
    } parts[MEMORIES] = {[SOURCE] = {dnnl_query_src_md, DNNL_ARG_SRC},
                         [WEIGHTS] = {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                         [BIAS] = {dnnl_query_weights_md, DNNL_ARG_BIAS},
                         [TARGET] = {dnnl_query_dst_md, DNNL_ARG_DST},
                         [SCRATCH] = {dnnl_query_scratchpad_md, DNNL_ARG_SCRATCHPAD}};
    const char *name = "";
    dnnl_status_t status = lib.primitive_create(&primitive->itself, description);
    for (int i = 0; i < MEMORIES && status == dnnl_success; i++) {
        if ((i == BIAS && !bias) || (i == WEIGHTS && !packed)) continue;
        const dnnl_memory_desc_t *layout =
            lib.primitive_desc_query_md(description, parts[i].query, i == BIAS);
        if (i == SCRATCH) primitive->scratch_bytes = lib.memory_desc_get_size(layout);
        status = memory_of(&primitive->memories[i], layout, i == WEIGHTS ? packed->values : DNNL_MEMORY_NONE);
        primitive->arguments[primitive->argument_count++] =
            (dnnl_exec_arg_t){parts[i].argument, primitive->memories[i]};
    }
    lib.primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name);
    snprintf(primitive->name, sizeof primitive->name, "%s", name);
    return status;
}

/* From a description, or from why there is none. What has no weights has no `plain` layout of theirs. */
static bt_status open_primitive(bt_primitive **out, dnnl_status_t done, dnnl_primitive_desc_t description,
                                const dnnl_memory_desc_t *plain, const void *weights, bt_packed *packed,
                                bt_packed **fresh, bool bias, bt_error *error) {
    bt_primitive *primitive = calloc(1, sizeof *primitive);
    bt_status status = BT_OK;
    *out = NULL;
    *fresh = NULL;
    if (!primitive) status = bt_no_memory(error, "a convolution");
    if (status == BT_OK && done == dnnl_success) {
        const dnnl_memory_desc_t *wanted =
            plain ? lib.primitive_desc_query_md(description, dnnl_query_weights_md, 0) : NULL;
        if (wanted && (!packed || !lib.memory_desc_equal(wanted, &packed->layout)))
            status = pack(fresh, wanted, plain, weights, packed, error);
        if (status == BT_OK) done = make(primitive, description, *fresh ? *fresh : packed, bias);
    }
    if (description) lib.primitive_desc_destroy(description);
    if (status == BT_OK && done != dnnl_success) status = fail(done, "making a convolution", error);
    if (status != BT_OK) {
        bt_primitive_close(&primitive);
        bt_packed_close(fresh);
        return status;
    }
    *out = primitive;
    return BT_OK;
}

bt_status bt_conv_open(bt_primitive **out, const bt_conv_shape *shape, const void *weights, bt_packed *packed,
                       bt_packed **fresh, bt_error *error) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_memory_desc_t plain;
    dnnl_status_t done = describe_conv(&description, &plain, shape);
    return open_primitive(out, done, description, &plain, weights, packed, fresh, shape->bias, error);
}

bt_status bt_product_open(bt_primitive **out, const bt_product_shape *shape, const float *weights,
                          bt_packed *packed, bt_packed **fresh, bt_error *error) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_memory_desc_t plain;
    dnnl_status_t done = describe_product(&description, &plain, shape);
    return open_primitive(out, done, description, &plain, weights, packed, fresh, false, error);
}

bt_status bt_activation_open(bt_primitive **out, const bt_activation_shape *shape, bt_error *error) {
    dnnl_primitive_desc_t description = NULL;
    bt_packed *none;
    dnnl_status_t done = describe_activation(&description, shape);
    return open_primitive(out, done, description, NULL, NULL, NULL, &none, false, error);
}

void bt_primitive_close(bt_primitive **primitive) {
    if (!primitive || !*primitive) return;
    for (int i = 0; i < MEMORIES; i++)
        if ((*primitive)->memories[i]) lib.memory_destroy((*primitive)->memories[i]);
    if ((*primitive)->itself) lib.primitive_destroy((*primitive)->itself);
    free(*primitive);
    *primitive = NULL;
}

size_t bt_primitive_scratch_bytes(const bt_primitive *primitive) {
    return primitive->scratch_bytes;
}

const char *bt_primitive_name(const bt_primitive *primitive) {
    return primitive->name;
}

void bt_primitive_bind(bt_primitive *primitive, void *x, const float *bias, void *out, void *scratch) {
    void *places[MEMORIES] = {
        [SOURCE] = x, [BIAS] = (void *)(uintptr_t)bias, [TARGET] = out, [SCRATCH] = scratch};
    for (int i = 0; i < MEMORIES; i++)
        if (i != WEIGHTS && primitive->memories[i])
            lib.memory_set_data_handle(primitive->memories[i], places[i]);
}

bt_status bt_primitive_run(const bt_primitive *primitive, bt_error *error) {
    dnnl_status_t status =
        lib.primitive_execute(primitive->itself, lib.stream, primitive->argument_count, primitive->arguments);
    return status == dnnl_success ? BT_OK : fail(status, "running a convolution", error);
}

size_t bt_packed_bytes(const bt_packed *packed) {
    return packed->bytes;
}

#endif
