/* What a server of the Open Inference Protocol (v2) tells of itself, read from its documents without a socket.
 *
 * Any such server is read: this project's, Triton, OpenVINO Model Server. So only what the protocol asks for must
 * be there; what Triton adds (a configuration, statistics) and what this project's server adds to that is taken
 * where it is, and nothing of a document is believed beyond its bounds. */
#ifndef BT_CLIENT_REMOTE_MODEL_H
#define BT_CLIENT_REMOTE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_REMOTE_TENSOR_SIZE 128 /* of a tensor's name */

/* Who answers: GET /v2. */
typedef struct bt_remote_server {
    char name[64], version[64]; /* "" where it does not say */
} bt_remote_server;

/* How a model takes a picture. */
typedef enum bt_remote_pixels {
    BT_REMOTE_UINT8, /* as it is */
    BT_REMOTE_FP32   /* normalised as ImageNet's */
} bt_remote_pixels;

/* A model as its metadata and, where there is one, its configuration tell it. */
/* As many as a byte tells apart: of labels whose number of classes the server does not say. */
#define BT_REMOTE_CLASSES_UNKNOWN 256

typedef struct bt_remote_model {
    char name[BT_NAME_SIZE];
    char input[BT_REMOTE_TENSOR_SIZE];
    bt_remote_pixels pixels;
    bool batched;              /* the input's first dimension is of the batch */
    bool channels_first;       /* 3 x height x width; else height x width x 3 */
    int height, width;         /* that it must have; 0: any */
    int own_height, own_width; /* that its network has, whatever it takes; 0 unknown */
    /* The output that is asked for, a byte for each pixel: its class, where the model tells several apart, else a mask of
     * zeros and ones; "": all that there are. */
    char map[BT_REMOTE_TENSOR_SIZE];
    int classes; /* that the map tells apart, BT_REMOTE_CLASSES_UNKNOWN at the most; 0: it is a mask, or there is none */
    /* of the configuration: */
    int max_batch_size;        /* 1: it does not batch; 0 unknown */
    int instances;             /* 0 unknown */
    double max_queue_delay_ms; /* NaN unknown */
    double p95_sla_ms;         /* likewise */
} bt_remote_model;

/* Whether a request for one is a request for the other, as of servers that share a load. */
bool bt_remote_model_alike(const bt_remote_model *a, const bt_remote_model *b);

/* The documents are `size` bytes of JSON at `text`; `where` ("http://host:8000/v2") starts every message. */

BT_MUST_USE bt_status bt_remote_server_read(bt_remote_server *out, const char *text, size_t size,
                                            const char *where, bt_error *error);

/* Of GET /v2/models/NAME. BT_PARSE where it is no such document; BT_UNSUPPORTED where the model takes no picture:
 * not one input, another datatype than UINT8 and FP32, or another shape than pictures have. */
BT_MUST_USE bt_status bt_remote_model_read(bt_remote_model *out, const char *text, size_t size,
                                           const char *where, bt_error *error);

/* Adds what GET /v2/models/NAME/config tells; what cannot be read is as if it were not there. */
void bt_remote_model_read_config(bt_remote_model *model, const char *text, size_t size);

/* The names of POST /v2/repository/index, those that are ready. BT_PARSE. */
BT_MUST_USE bt_status bt_remote_index_read(bt_names *out, const char *text, size_t size, const char *where,
                                           bt_error *error);

/* What of a model's statistics a server does not tell, which then is 0 and means nothing. */
enum {
    BT_REMOTE_NO_STATS = 1, /* none of it */
    BT_REMOTE_NO_FAILED = 2,
    BT_REMOTE_NO_RUNS = 4, /* inferences or executions */
    BT_REMOTE_NO_TOTAL = 8,
    BT_REMOTE_NO_QUEUE = 16,
    BT_REMOTE_NO_INPUT = 32,
    BT_REMOTE_NO_INFER = 64,
    BT_REMOTE_NO_OUTPUT = 128
};

/* What a server counted of one model, since it began or between two moments. */
typedef struct bt_remote_stats {
    int64_t requests, failed;       /* answered well, and not */
    int64_t inferences, executions; /* images, and runs */
    int64_t total_ns, queue_ns;     /* of `requests` */
    int64_t input_ns, infer_ns, output_ns;
    unsigned untold;
} bt_remote_stats;

/* Of GET /v2/models/NAME/stats; of several versions their sum. BT_PARSE. */
BT_MUST_USE bt_status bt_remote_stats_read(bt_remote_stats *out, const char *text, size_t size,
                                           const char *where, bt_error *error);

/* *sum += sign * *more, field by field; what one of them does not tell the sum does not. */
void bt_remote_stats_add(bt_remote_stats *sum, const bt_remote_stats *more, int sign);

#ifdef __cplusplus
}
#endif
#endif
