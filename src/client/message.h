/* One picture as an inference request of the Open Inference Protocol, and what comes back, without a socket.
 *
 * A request is made once for each picture and sent many times: the JSON head and the picture as a binary tensor.
 * An answer is checked as far as its outputs allow: a mask has as many bytes as the picture has pixels, each 0 or
 * 1, and labels the number of a class each; of another output the shape and the size must fit. */
#ifndef BT_CLIENT_MESSAGE_H
#define BT_CLIENT_MESSAGE_H

#include "client/remote-model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_message {
    uint8_t *body; /* owned */
    size_t size, json_size;
    int height, width;
} bt_message;

/* `rgb` is height x width x 3 bytes. A time limit above 0 is the request's own `timeout`. BT_INVALID where the
 * model takes another size; BT_NO_MEMORY. The caller closes it. */
BT_MUST_USE bt_status bt_message_open(bt_message *out, const bt_remote_model *model, const uint8_t *rgb,
                                      int height, int width, double timeout_ms, bt_error *error);
void bt_message_close(bt_message *message); /* safe on an empty one */

/* What this project's server says of the run; of another nothing is told, and all is 0. */
typedef struct bt_answer_times {
    double queue_ms, preprocess_ms, service_ms;
    int batch_size;
    bool fallback;
} bt_answer_times;

/* Reads the answer to `message`: `json_size` bytes of JSON and tensors behind them, or JSON alone (0). BT_PARSE
 * says what is wrong with it; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_answer_check(bt_answer_times *out, const bt_remote_model *model,
                                      const bt_message *message, const uint8_t *body, size_t size,
                                      size_t json_size, bt_error *error);

/* What an answer of an HTTP status that is no 200 says: its "error" as one line, or what is there of it. */
void bt_answer_error(const uint8_t *body, size_t size, char out[BT_ERROR_MESSAGE_SIZE]);

/* What became of a request that was not answered with 200. A 503 is what servers say of a full queue and of a
 * deadline that passed in it; which of them, only their words tell: BT_QUEUE_FULL, BT_TIMEOUT. All else is
 * BT_BACKEND. */
bt_status bt_answer_refusal(int http_status, const char *words);

#ifdef __cplusplus
}
#endif
#endif
