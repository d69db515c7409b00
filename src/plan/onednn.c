/* Built where oneDNN's header is; onednn-missing.c stands in elsewhere. */
#include "plan/onednn.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <oneapi/dnnl/dnnl.h>

#include "base/library.h"
#include "base/text.h"

#define LIBRARY   "libdnnl.so.2"
#define REMEDY    "run `make deps`, or install libdnnl2"
#define ALIGNMENT 64
#define HUGE_PAGE (2 << 20)

/* Everything that is called, by its name without the prefix: an X-macro table of a row a function, and so
 * over five lines. */
#define FUNCTIONS(X)                                                                                         \
    X(version)                                                                                               \
    X(set_max_cpu_isa)                                                                                       \
    X(engine_create)                                                                                         \
    X(stream_create)                                                                                         \
    X(stream_wait)                                                                                           \
    X(memory_desc_init_by_tag)                                                                               \
    X(memory_desc_equal)                                                                                     \
    X(memory_desc_get_size)                                                                                  \
    X(memory_create)                                                                                         \
    X(memory_set_data_handle)                                                                                \
    X(memory_destroy)                                                                                        \
    X(convolution_forward_desc_init)                                                                         \
    X(matmul_desc_init)                                                                                      \
    X(primitive_attr_create)                                                                                 \
    X(primitive_attr_set_scratchpad_mode)                                                                    \
    X(primitive_attr_set_output_scales)                                                                      \
    X(primitive_attr_destroy)                                                                                \
    X(primitive_desc_create)                                                                                 \
    X(primitive_desc_destroy)                                                                                \
    X(primitive_desc_query)                                                                                  \
    X(primitive_desc_query_md)                                                                               \
    X(reorder_primitive_desc_create)                                                                         \
    X(primitive_create)                                                                                      \
    X(primitive_execute)                                                                                     \
    X(primitive_destroy)

#define DECLARE(function) __typeof__(dnnl_##function) *function;

/* Of this process: loaded once, never unloaded. Engine and stream are for any thread: a CPU stream runs what
 * it is given in the calling thread. */
static struct {
    pthread_mutex_t lock;
    bool ready;
    char text[16]; /* its version */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    FUNCTIONS(DECLARE)
} lib = {.lock = PTHREAD_MUTEX_INITIALIZER};

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

/* ---- loading ---- */

static dnnl_cpu_isa_t isa_of(bt_cpu_level level) {
    switch (level) {
    case BT_CPU_PORTABLE:
        return dnnl_cpu_isa_sse41;
    case BT_CPU_AVX2:
        return dnnl_cpu_isa_avx2_vnni; /* AVX2 where there is no VNNI */
    case BT_CPU_AVX512:
        return dnnl_cpu_isa_avx512_core_vnni;
    default:
        return dnnl_cpu_isa_all;
    }
}

static bt_status find_functions(void *library, bt_error *error) {
#define FIND(function)                                                                                       \
    if (!bt_library_symbol(library, "dnnl_" #function, &lib.function))                                       \
        return bt_fail(error, BT_UNSUPPORTED, LIBRARY " has no dnnl_" #function ": " REMEDY);
    FUNCTIONS(FIND)
    return BT_OK;
}

static bt_status load(bt_cpu_level level, bt_error *error) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return bt_fail(error, BT_UNSUPPORTED, "oneDNN does not load: " REMEDY " (%s)", bt_text_load_error());
    bt_status status = find_functions(library, error);
    if (status != BT_OK) return status;
    const dnnl_version_t *version = lib.version();
    snprintf(lib.text, sizeof lib.text, "%d.%d.%d", version->major, version->minor, version->patch);
    if (version->major != DNNL_VERSION_MAJOR || version->minor < DNNL_VERSION_MINOR)
        return bt_fail(error, BT_UNSUPPORTED, "oneDNN %s is not the %d.%d that this was built for: " REMEDY,
                       lib.text, DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR);
    lib.set_max_cpu_isa(isa_of(level)); /* too late only where somebody else used this library before */
    if (lib.engine_create(&lib.engine, dnnl_cpu, 0) != dnnl_success ||
        lib.stream_create(&lib.stream, lib.engine, dnnl_stream_default_flags) != dnnl_success)
        return bt_fail(error, BT_UNSUPPORTED, "oneDNN %s makes no engine on this CPU", lib.text);
    lib.ready = true;
    return BT_OK;
}

bt_status bt_onednn_load(bt_cpu_level level, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&lib.lock);
    if (!lib.ready) status = load(level, error);
    pthread_mutex_unlock(&lib.lock);
    return status;
}

const char *bt_onednn_version(void) {
    return lib.text;
}

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

/* A description with oneDNN's favourite implementation; scratch memory is the caller's. `scales` of `count`
 * output channels, or NULL. */
static dnnl_status_t choose(dnnl_primitive_desc_t *out, const void *what, const float *scales, int count) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = lib.primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = lib.primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && scales)
        status = lib.primitive_attr_set_output_scales(attributes, count, BY_OUT_CHANNEL, scales);
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

/* Activations are channels_last; `plain` is how the caller has the weights. */
static dnnl_status_t describe_conv(dnnl_primitive_desc_t *out, dnnl_memory_desc_t *plain,
                                   const bt_conv_shape *s) {
    const dnnl_data_type_t type = type_of(s->type), by = s->type == BT_U8 ? dnnl_s8 : type,
                           given = s->type == BT_U8 ? dnnl_s8 : dnnl_f32;
    const int out_height = bt_conv_out_size(s->height, s), out_width = bt_conv_out_size(s->width, s);
    const dnnl_dims_t strides = {s->stride, s->stride}, padding = {s->padding, s->padding};
    dnnl_memory_desc_t from, weights, bias, to;
    const tensor tensors[] = {
        {&from, 4, {s->batch, s->channels, s->height, s->width}, type, dnnl_nhwc},
        {&weights, 4, {s->out_channels, s->channels, s->kernel, s->kernel}, by, dnnl_format_tag_any},
        {plain, 4, {s->out_channels, s->channels, s->kernel, s->kernel}, given, dnnl_oihw},
        {&bias, 1, {s->out_channels}, dnnl_f32, dnnl_a},
        {&to, 4, {s->batch, s->out_channels, out_height, out_width}, type_of(s->out_type), dnnl_nhwc},
    };
    dnnl_convolution_desc_t what;
    dnnl_status_t status = lay_out(tensors, sizeof tensors / sizeof *tensors);
    if (status == dnnl_success)
        status = lib.convolution_forward_desc_init(&what, dnnl_forward_inference, dnnl_convolution_direct,
                                                   &from, &weights, s->bias ? &bias : NULL, &to, strides,
                                                   padding, padding);
    return status == dnnl_success ? choose(out, &what, s->scales, s->out_channels) : status;
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
    return status == dnnl_success ? choose(out, &what, NULL, 0) : status;
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
        if (i == BIAS && !bias) continue;
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

/* From a description, or from why there is none. */
static bt_status open_primitive(bt_primitive **out, dnnl_status_t done, dnnl_primitive_desc_t description,
                                const dnnl_memory_desc_t *plain, const void *weights, bt_packed *packed,
                                bt_packed **fresh, bool bias, bt_error *error) {
    bt_primitive *primitive = calloc(1, sizeof *primitive);
    bt_status status = BT_OK;
    *out = NULL;
    *fresh = NULL;
    if (!primitive) status = bt_no_memory(error, "a convolution");
    if (status == BT_OK && done == dnnl_success) {
        const dnnl_memory_desc_t *wanted = lib.primitive_desc_query_md(description, dnnl_query_weights_md, 0);
        if (!packed || !lib.memory_desc_equal(wanted, &packed->layout))
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
