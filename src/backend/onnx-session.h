/* A session of ONNX Runtime's, for backend/onnx.c, which opens it, and onnx-run.c, which tries and runs it. */
#ifndef BT_BACKEND_ONNX_SESSION_H
#define BT_BACKEND_ONNX_SESSION_H

#include "backend/backend.h"
#include "backend/onnx-graph.h"
#include "backend/onnx-layout.h"
#include "backend/session-subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is made of the tensor that is the map. */
typedef struct bt_onnx_map {
    int number; /* among the graph's outputs */
    bt_onnx_type type;
    int rank, factor;
    bool channels_last; /* N x H x W x classes */
    int64_t dims[4];    /* as the trial's run gave it; the first is the batch's size */
} bt_onnx_map;

/* Memory that grows. */
typedef struct bt_onnx_room {
    void *start;
    size_t bytes;
} bt_onnx_room;

typedef struct bt_onnx_session {
    bt_session base;
    const bt_onnx_library *library;
    bt_ort_session *inside;
    bt_onnx_graph graph;
    bt_session_subject subject;
    const char *file; /* its name, for messages */
    /* Its channels, 3 or 1, are found by the trial, as are the map, info.classes and info.found_note. */
    bt_onnx_layout layout;
    bt_onnx_map map;
    bt_onnx_room typed, input, output, scratch;
    int64_t before_bytes;
    int device; /* of CUDA; -1: the CPU */
} bt_onnx_session;

/* Runs black images, in three channels, or in one where nothing says how many and three are not taken, and finds out what
 * is the map. BT_INVALID where it does not run, or gives none. */
BT_MUST_USE bt_status bt_onnx_try(bt_onnx_session *session, bt_error *error);

/* bt_session_run's. A network of one batch size runs as often as that takes, the last time padded with black. */
BT_MUST_USE bt_status bt_onnx_run(bt_session *session, int batch_size, const float *images, float *logits,
                                  bt_error *error);

/* Frees what running took. */
void bt_onnx_run_close(bt_onnx_session *session);

#ifdef __cplusplus
}
#endif
#endif
