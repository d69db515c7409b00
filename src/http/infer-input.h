/* The input of an inference request: a tensor's description and values become pictures. Internal to http/. */
#ifndef BT_HTTP_INFER_INPUT_H
#define BT_HTTP_INFER_INPUT_H

#include <jansson.h>

#include "http/infer.h"
#include "http/numbers.h"

/* What is not in the JSON's tree: the input's numbers, which were cut out of it, and what follows the JSON and has
 * not been taken by a tensor yet. */
typedef struct bt_infer_binary {
    const uint8_t *bytes;
    size_t size;
    bt_numbers numbers;
} bt_infer_binary;

/* Reads one element of "inputs". */
BT_MUST_USE bt_status bt_infer_input_read(bt_infer_request *out, const json_t *input, bt_infer_binary *binary,
                                          const bt_infer_limits *limits, bt_error *error);

/* Appends a picture that is a file's bytes. */
BT_MUST_USE bt_status bt_infer_input_file(bt_infer_request *out, const void *bytes, size_t size,
                                          bt_error *error);

#endif
