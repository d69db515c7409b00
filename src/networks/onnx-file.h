/* What an ONNX file is and says of itself, for networks/model.c alone: read, not run, and without ONNX Runtime.
 *
 * The file is one message of protocol buffers (onnx.proto names its fields). It is walked by its lengths: weights are
 * skipped, so that a file of gigabytes takes no longer than its list of operations. */
#ifndef BT_NETWORKS_ONNX_FILE_H
#define BT_NETWORKS_ONNX_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/files.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_onnx_facts {
    int batch, channels, height,
        width;      /* of its first input, as if it were N x C x H x W; 0: any, or not said */
    bool quantised; /* some of it computes in integers of 8 bits */
    int64_t floats, halves, bfloats, others; /* numbers among its weights, by type */
    char external[BT_PATH_SIZE]; /* a file beside it that holds weights; "" where all are inside */
    bool scattered;              /* there are several such */
    char missing[BT_PATH_SIZE];  /* the first such that is not there */
} bt_onnx_facts;

/* Reads all of it. BT_PARSE where it is no ONNX file (with what it is instead, as far as that shows) or is cut short;
 * BT_IO. */
BT_MUST_USE bt_status bt_onnx_file_read(bt_onnx_facts *out, const char *path, bt_error *error);

/* Whether there is an ONNX file, and with it what it names beside it. BT_PARSE as above and for what is missing, BT_IO. */
BT_MUST_USE bt_status bt_onnx_file_check(const char *path, bt_error *error);

/* The path of a file that one at `path` names beside itself. BT_INVALID where it is too long. */
BT_MUST_USE bt_status bt_onnx_file_beside(char out[BT_PATH_SIZE], const char *path, const char *name,
                                          bt_error *error);

/* "FP32", "INT8 (quantised) and FP32", ...: in what it computes; never NULL. */
const char *bt_onnx_file_numbers(const bt_onnx_facts *facts);

#ifdef __cplusplus
}
#endif
#endif
