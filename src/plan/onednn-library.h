/* oneDNN's functions, found when it is loaded: for the onednn files alone, which call them through `lib`. */
#ifndef BT_PLAN_ONEDNN_LIBRARY_H
#define BT_PLAN_ONEDNN_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>

#include <oneapi/dnnl/dnnl.h>

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
    X(matmul_desc_init)                                                                                      \
    X(primitive_attr_create)                                                                                 \
    X(primitive_attr_set_scratchpad_mode)                                                                    \
    X(primitive_attr_set_output_scales)                                                                      \
    X(primitive_attr_set_post_ops)                                                                           \
    X(post_ops_create)                                                                                       \
    X(post_ops_append_sum)                                                                                   \
    X(post_ops_append_eltwise)                                                                               \
    X(post_ops_destroy)                                                                                      \
    X(eltwise_forward_desc_init)                                                                             \
    X(dilated_convolution_forward_desc_init)                                                                 \
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
typedef struct bt_onednn {
    pthread_mutex_t lock;
    bool ready;
    char text[16]; /* its version */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    FUNCTIONS(DECLARE)
} bt_onednn;

extern bt_onednn bt_onednn_library;
#define lib bt_onednn_library

#endif
