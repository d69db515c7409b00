/* What an ONNX network takes and gives, as ONNX Runtime tells of an opened session: its one input, its outputs, and after
 * a run the tensors that came. Nothing is decided here but whether pictures can go in. */
#ifndef BT_BACKEND_ONNX_GRAPH_H
#define BT_BACKEND_ONNX_GRAPH_H

#include <stdint.h>

#include "backend/onnx-library.h"
#include "networks/fitting.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_onnx_graph {
    const bt_onnx_library *library;
    char *input; /* names: the library's, freed by close */
    char *outputs[BT_GIVEN_MAX];
    int output_count;
    bt_onnx_type input_type;            /* BT_ONNX_FLOAT, _FLOAT16 or _UINT8 */
    int batch, channels, height, width; /* of the input; 0: any */
    bool channels_last;                 /* N x H x W x channels goes in: as it says, or else as `map` does */
} bt_onnx_graph;

/* Asks the session. BT_INVALID where pictures cannot go in: several inputs, other types, other dimensions, other channels
 * than 3 or 1, or another number of them than `map` says. `file` is what messages call it. bt_onnx_graph_close in any
 * case. */
BT_MUST_USE bt_status bt_onnx_graph_open(bt_onnx_graph *out, const bt_onnx_library *library,
                                         const bt_ort_session *session, const bt_model_map *map,
                                         const char *file, bt_error *error);
void bt_onnx_graph_close(bt_onnx_graph *graph);

/* A tensor that a run gave, for bt_model_fit; of what is none the rank is 0 and the type "no tensor". */
BT_MUST_USE bt_status bt_onnx_given(bt_given *out, bt_onnx_type *type, const bt_onnx_library *library,
                                    const bt_ort_value *value, const char *name, const char *file,
                                    bt_error *error);

/* "float32"; never NULL. */
const char *bt_onnx_type_name(bt_onnx_type type);

#ifdef __cplusplus
}
#endif
#endif
