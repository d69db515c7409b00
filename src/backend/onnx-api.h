/* ONNX Runtime's C interface, as far as it is used here: what src/backend/onnx-*.c call in a library that is loaded late.
 *
 * The library's own header, onnxruntime_c_api.h, comes with no wheel. What it declares is a table of functions, which only
 * ever grows at its end: a place in it is the same in every version from the one that brought it. So each function is
 * declared at its place (as in the table of onnxruntime_c_api.cc, "ort_api_1_to_25"), and what lies between is room.
 * BT_ONNX_API_VERSION is the version that brought the last of them. bt_onnx_library_use tries the table before it trusts
 * it. */
#ifndef BT_BACKEND_ONNX_API_H
#define BT_BACKEND_ONNX_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_ONNX_API_VERSION 11 /* of ONNX Runtime 1.11 */

typedef struct bt_ort_status bt_ort_status; /* NULL: it went well */
typedef struct bt_ort_env bt_ort_env;
typedef struct bt_ort_session bt_ort_session;
typedef struct bt_ort_options bt_ort_options;
typedef struct bt_ort_run_options bt_ort_run_options;
typedef struct bt_ort_value bt_ort_value;
typedef struct bt_ort_type bt_ort_type;   /* of an input or output: a tensor, a list, ... */
typedef struct bt_ort_shape bt_ort_shape; /* of a tensor: its numbers' type and its dimensions */
typedef struct bt_ort_memory bt_ort_memory;
typedef struct bt_ort_allocator bt_ort_allocator;
typedef struct bt_ort_cuda bt_ort_cuda;

enum {
    BT_ORT_FAIL = 1,
    BT_ORT_LOG_FATAL = 4,
    BT_ORT_SEQUENTIAL = 0,
    BT_ORT_DEVICE_ALLOCATOR = 0,
    BT_ORT_MEMORY_DEFAULT = 0
};
enum { BT_ORT_OPTIMISE_NOTHING = 0, BT_ORT_OPTIMISE_BASIC = 1, BT_ORT_OPTIMISE_ALL = 99 };

/* The types of a tensor's numbers, ONNX's own. */
typedef enum bt_onnx_type {
    BT_ONNX_UNDEFINED = 0,
    BT_ONNX_FLOAT = 1,
    BT_ONNX_UINT8 = 2,
    BT_ONNX_INT8 = 3,
    BT_ONNX_INT32 = 6,
    BT_ONNX_INT64 = 7,
    BT_ONNX_BOOL = 9,
    BT_ONNX_FLOAT16 = 10,
    BT_ONNX_DOUBLE = 11,
    BT_ONNX_BFLOAT16 = 16
} bt_onnx_type;

typedef struct bt_ort_api {
    /* 0 */
    bt_ort_status *(*create_status)(int code, const char *message);
    int (*error_code)(const bt_ort_status *status);
    const char *(*error_message)(const bt_ort_status *status);
    bt_ort_status *(*create_env)(int log_level, const char *log_id, bt_ort_env **out);
    void *from_4[3];
    /* 7 */
    bt_ort_status *(*create_session)(const bt_ort_env *env, const char *path, const bt_ort_options *options,
                                     bt_ort_session **out);
    void *from_8[1];
    bt_ort_status *(*run)(bt_ort_session *session, const bt_ort_run_options *options,
                          const char *const *input_names, const bt_ort_value *const *inputs,
                          size_t input_count, const char *const *output_names, size_t output_count,
                          bt_ort_value **outputs);
    bt_ort_status *(*create_options)(bt_ort_options **out);
    void *from_11[2];
    /* 13 */
    bt_ort_status *(*set_execution_mode)(bt_ort_options *options, int mode);
    void *from_14[8];
    /* 22 */
    bt_ort_status *(*set_log_level)(bt_ort_options *options, int level);
    bt_ort_status *(*set_optimisation)(bt_ort_options *options, int level);
    bt_ort_status *(*set_intra_op_threads)(bt_ort_options *options, int threads);
    bt_ort_status *(*set_inter_op_threads)(bt_ort_options *options, int threads);
    void *from_26[4];
    /* 30 */
    bt_ort_status *(*input_count)(const bt_ort_session *session, size_t *out);
    bt_ort_status *(*output_count)(const bt_ort_session *session, size_t *out);
    void *from_32[1];
    bt_ort_status *(*input_type)(const bt_ort_session *session, size_t index, bt_ort_type **out);
    void *from_34[2];
    /* 36 */
    bt_ort_status *(*input_name)(const bt_ort_session *session, size_t index, bt_ort_allocator *allocator,
                                 char **out);
    bt_ort_status *(*output_name)(const bt_ort_session *session, size_t index, bt_ort_allocator *allocator,
                                  char **out);
    void *from_38[11];
    /* 49 */
    bt_ort_status *(*create_tensor)(const bt_ort_memory *memory, void *data, size_t bytes,
                                    const int64_t *dims, size_t rank, bt_onnx_type type, bt_ort_value **out);
    bt_ort_status *(*is_tensor)(const bt_ort_value *value, int *out);
    void *from_51[4];
    /* 55: the shape is the type's, NULL where that is no tensor's */
    bt_ort_status *(*type_shape)(const bt_ort_type *type, const bt_ort_shape **out);
    void *from_56[4];
    /* 60 */
    bt_ort_status *(*shape_type)(const bt_ort_shape *shape, bt_onnx_type *out);
    bt_ort_status *(*shape_rank)(const bt_ort_shape *shape, size_t *out);
    bt_ort_status *(*shape_dims)(const bt_ort_shape *shape, int64_t *out, size_t rank);
    void *from_63[2];
    /* 65 */
    bt_ort_status *(*value_shape)(const bt_ort_value *value, bt_ort_shape **out);
    void *from_66[3];
    /* 69 */
    bt_ort_status *(*create_host_memory)(int allocator, int kind, bt_ort_memory **out);
    void *from_70[6];
    /* 76 */
    bt_ort_status *(*free_with)(bt_ort_allocator *allocator, void *memory);
    void *from_77[1];
    bt_ort_status *(*default_allocator)(bt_ort_allocator **out);
    void *from_79[14];
    /* 93 */
    void (*release_status)(bt_ort_status *status);
    void *from_94[1];
    void (*release_session)(bt_ort_session *session);
    void (*release_value)(bt_ort_value *value);
    void *from_97[1];
    void (*release_type)(bt_ort_type *type);
    void (*release_shape)(bt_ort_shape *shape);
    void (*release_options)(bt_ort_options *options);
    void *from_101[24];
    /* 125 */
    bt_ort_status *(*providers)(char ***out, int *count);
    bt_ort_status *(*release_providers)(char **providers, int count);
    void *from_127[3];
    /* 130 */
    bt_ort_status *(*set_option)(bt_ort_options *options, const char *key, const char *value);
    void *from_131[73];
    /* 204 */
    bt_ort_status *(*append_cuda)(bt_ort_options *options, const bt_ort_cuda *cuda);
    bt_ort_status *(*create_cuda)(bt_ort_cuda **out);
    bt_ort_status *(*update_cuda)(bt_ort_cuda *cuda, const char *const *keys, const char *const *values,
                                  size_t count);
    void *from_207[1];
    void (*release_cuda)(bt_ort_cuda *cuda);
} bt_ort_api;

/* What OrtGetApiBase, the library's one exported function, gives. */
typedef struct bt_ort_base {
    const bt_ort_api *(*api)(uint32_t version); /* NULL where the library is older */
    const char *(*version)(void);               /* "1.32.0" */
} bt_ort_base;

#ifdef __cplusplus
}
#endif
#endif
