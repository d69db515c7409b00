/* The Open Inference Protocol's inference, without a socket: a request's bytes become pictures for the service,
 * and what it answers becomes bytes. JSON and the binary tensor extension, both ways.
 *
 * A request has one input, "image": N pictures as they are (UINT8, N x height x width x 3), as files (BYTES, N of
 * them: PNG, JPEG, TIFF; base64 where they stand in JSON), or ready for the network (FP32 and FP16, N x 3 x height
 * x width, normalised and of the network's own size). It may choose among the outputs
 *
 *   mask                 UINT8, N x height x width: 1 where the probability is above the threshold
 *   probabilities        FP32, N x height x width
 *   labels               UINT8, N x height x width: the class of each pixel; of one class, its mask
 *   class_probabilities  FP32, N x classes x height x width
 *   polygons             BYTES, N x 1: JSON, as bt_polygons_json's
 *   logits               FP32, N x 1 x height x width, of the network's size: as it gives them, of several classes one map
 *
 * and gets all of them otherwise, but for labels of a model of one class, which are its mask, and class_probabilities,
 * which may be many: they want to be asked for. Nothing of a request is believed, and whatever is refused is told in one
 * line that says what would be right. */
#ifndef BT_HTTP_INFER_H
#define BT_HTTP_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "http/budget.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_INFER_INPUT "image"

typedef enum bt_infer_output {
    BT_INFER_MASK,
    BT_INFER_PROBABILITIES,
    BT_INFER_LABELS,
    BT_INFER_CLASS_PROBABILITIES,
    BT_INFER_POLYGONS,
    BT_INFER_LOGITS,
    BT_INFER_OUTPUTS
} bt_infer_output;

/* Of each output: its name, and its type and shape behind N as the protocol writes them (-1: any). */
typedef struct bt_infer_tensor {
    const char *name, *datatype;
    int dims[3], dim_count;
} bt_infer_tensor;
extern const bt_infer_tensor bt_infer_outputs[BT_INFER_OUTPUTS];

/* Of a request's JSON beside its input's numbers: objects, some 230 bytes each of two letters, and values in all, some
 * 40. Texts are bound by the body alone. */
#define BT_INFER_OBJECTS_MAX 1000
#define BT_INFER_VALUES_MAX  65536

/* Pixels of an output that is written as JSON's numbers. Raised, one answer keeps a thread, and everybody whose
 * connection it has, for longer (half a second for so many probabilities); lowered, fewer pictures' masks can be
 * had without binary data. */
#define BT_INFER_TEXT_PIXELS_MAX (1 << 21)

typedef struct bt_infer_limits {
    int pictures;        /* in one request */
    bool polygons;       /* can be found here */
    int height, width;   /* of the network's input */
    int classes;         /* that it tells apart; 0 is as good as 1 */
    bt_account *account; /* that memory is taken from; NULL: none is counted */
} bt_infer_limits;

typedef struct bt_infer_picture {
    const uint8_t *rgb; /* height x width x 3; in the body, or the request's own; NULL: a tensor */
    const void *tensor; /* 3 x height x width, likewise; NULL: a picture */
    bt_tensor_type tensor_type;
    int height, width;
    size_t offset; /* pixels of the pictures before it: where its mask and probabilities lie */
    uint8_t *own;
} bt_infer_picture;

typedef struct bt_infer_request {
    bt_account *account; /* the limits' */
    char *id;            /* NULL: none was given */
    bt_infer_picture *pictures;
    int count;
    size_t room;   /* for pictures */
    size_t pixels; /* of all pictures */
    struct {
        bt_infer_output output;
        bool binary;
    } outputs[BT_INFER_OUTPUTS]; /* as asked for, in that order */
    int output_count;
    float threshold;   /* 0: the usual one */
    double timeout_ms; /* 0: the service's */
    int priority;      /* as bt_request's */
    double min_area_px;
    int input_height, input_width; /* the network's */
    int classes;                   /* at least 1 */
    void *numbers;                 /* the pictures, where they stood in JSON */
} bt_infer_request;

#define BT_INFER_ALL_JSON (-1) /* a body without Inference-Header-Content-Length */

/* Reads a body, which must outlive the request: pictures in it are not copied. Of `header_length` bytes are
 * JSON; BT_INFER_ALL_JSON: all of it; 0: none, the body is one picture's file. *out is the caller's, to be
 * closed; empty on failure. BT_PARSE and BT_INVALID for what is wrong, BT_UNSUPPORTED for what is not taken,
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_infer_request_read(bt_infer_request *out, const void *body, size_t size,
                                            int64_t header_length, const bt_infer_limits *limits,
                                            bt_error *error);
void bt_infer_request_close(bt_infer_request *request); /* safe on an empty one; leaves it empty */

/* Whether reading it may take long: much JSON, or files. Looks at its letters alone: files have the type BYTES, which
 * letters can tell but where they are escaped. */
bool bt_infer_is_slow(const void *body, size_t size, int64_t header_length);

bool bt_infer_wants(const bt_infer_request *request, bt_infer_output output);

/* Whether an output's numbers are bytes; else floats, but for polygons, which have none. */
bool bt_infer_is_bytes(bt_infer_output output);

/* Numbers that an output of the request has; of polygons, which have none, 0. */
size_t bt_infer_values(const bt_infer_request *request, bt_infer_output output);

/* What the service answered to the pictures of a request, in their order. What nobody asked for may be
 * NULL. */
typedef struct bt_infer_results {
    const uint8_t *masks;       /* by the pictures' offsets */
    const float *probabilities; /* likewise */
    const uint8_t *labels;
    const float *class_probabilities; /* one picture's planes behind another's */
    const float *logits;              /* one picture's behind another's, each of the network's size */
    char *const *polygons;
    const bt_result *of;
} bt_infer_results;

typedef struct bt_infer_response {
    char *body; /* malloc'ed */
    size_t size;
    size_t header_length; /* of its JSON, where `binary` */
    bool binary;          /* some output is */
} bt_infer_response;

/* Of several pictures the slowest, by each part: the largest batch, the longest times, and the standard path where one
 * took it. */
bt_result bt_infer_slowest(const bt_result *of, int count);

/* Of several pictures the parameters tell the slowest: the largest batch, the longest times, and the standard
 * path where one took it. *out is the caller's, to be freed by free(out->body). BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_infer_response_write(bt_infer_response *out, const bt_infer_request *request,
                                              const char *model, const bt_infer_results *results,
                                              bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
