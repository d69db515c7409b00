/* ONNX Runtime's library in this process: found, loaded once and never unloaded, and its errors as lines for people. */
#ifndef BT_BACKEND_ONNX_LIBRARY_H
#define BT_BACKEND_ONNX_LIBRARY_H

#include <stdbool.h>

#include "backend/onnx-api.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_onnx_library {
    const bt_ort_api *api;
    bt_ort_env *env;
    bt_ort_memory *host;         /* where tensors of the caller's lie */
    bt_ort_allocator *allocator; /* of the names that the library gives */
    char version[32];            /* "1.32.0" */
} bt_onnx_library;

/* The library: BATCHTUNE_ONNXRUNTIME's, else the one of `make deps-onnx`, else where the loader finds it. Any thread.
 * BT_UNSUPPORTED with the remedy where there is none, or it is none or too old. */
BT_MUST_USE bt_status bt_onnx_library_use(const bt_onnx_library **out, bt_error *error);

/* Whether it has an execution provider, as "CUDAExecutionProvider". */
bool bt_onnx_library_has(const bt_onnx_library *library, const char *provider);

/* BT_OK of NULL; else frees `said`, and fails with "FILE: what it said", in a line. */
BT_MUST_USE bt_status bt_onnx_said(const bt_onnx_library *library, bt_ort_status *said, bt_status status,
                                   const char *file, bt_error *error);

/* A message of the library in a line: without line breaks, where in its sources it was, and what it says twice. */
void bt_onnx_words(char *out, size_t size, const char *message);

#ifdef __cplusplus
}
#endif
#endif
