/* A picture to its regions in one request, without the protocol's tensors: what POST /segment takes beside the picture, and
 * the forms that its answer may have. No socket here: bytes and texts in, bytes out. */
#ifndef BT_HTTP_SEGMENT_H
#define BT_HTTP_SEGMENT_H

#include <stdbool.h>

#include "base/options.h"
#include "http/classes.h"
#include "http/infer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_segment_form {
    BT_SEGMENT_JSON,     /* as segment-image writes it */
    BT_SEGMENT_GEOJSON,  /* these four along the pixels' edges */
    BT_SEGMENT_COCO,     /* a data set of one picture, outlines */
    BT_SEGMENT_COCO_RLE, /* the same, run-length masks */
    BT_SEGMENT_MASK,     /* a PNG: 255 inside, 0 outside; or the classes' numbers, in their colours */
    BT_SEGMENT_FORMS
} bt_segment_form;

/* Of each form, the media type. */
extern const char *const bt_segment_types[BT_SEGMENT_FORMS];

/* The form that the header Accept (NULL: there is none) wants most. Where `polygons` cannot be found here there are masks
 * alone. BT_UNSUPPORTED names the forms that there are. */
BT_MUST_USE bt_status bt_segment_choose(bt_segment_form *out, const char *accept, bool polygons,
                                        bt_error *error);

/* What a PNG's pixels are. */
typedef enum bt_segment_png_kind {
    BT_SEGMENT_PNG_AUTO, /* of a model of several classes their labels, else the mask */
    BT_SEGMENT_PNG_MASK,
    BT_SEGMENT_PNG_LABELS
} bt_segment_png_kind;

/* What a query says: /segment/hrnet?threshold=0.4&min_area_px=50 */
typedef struct bt_segment_query {
    double threshold, min_area_px, timeout_ms;
    int64_t priority;
    int png;                                                            /* bt_segment_png_kind */
    char category[BT_OPTION_TEXT_SIZE], file_name[BT_OPTION_TEXT_SIZE]; /* for COCO and GeoJSON */
} bt_segment_query;

void bt_segment_query_default(bt_segment_query *out);
/* Takes one parameter; `value` NULL is none. BT_INVALID says what would be right. */
BT_MUST_USE bt_status bt_segment_query_set(bt_segment_query *query, const char *key, const char *value,
                                           bt_error *error);

/* Reads the picture that is the whole body, which must outlive the request, and asks for what the form is made of: of a
 * model of several classes labels beside polygons, for the classes' shares. *out is the caller's, as
 * bt_infer_request_read's. */
BT_MUST_USE bt_status bt_segment_request_read(bt_infer_request *out, const void *body, size_t size,
                                              const bt_segment_query *query, bt_segment_form form,
                                              const bt_infer_limits *limits, bt_error *error);

/* What was asked, and what served it. */
typedef struct bt_segment_facts {
    const char *model, *id; /* id NULL or "": none */
    const bt_segment_query *query;
    const bt_result *result;
    const bt_http_classes *classes; /* with their shares; NULL: of a model of one */
} bt_segment_facts;

/* Any form but the mask. *out is malloc'ed, the caller's; NULL on failure. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_segment_text(char **out, bt_segment_form form, const bt_polygons *polygons,
                                      const bt_segment_facts *facts, bt_error *error);

/* A mask of 0 and 1, which is changed, as PNG. *out is malloc'ed, the caller's. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_segment_png(uint8_t **out, size_t *size, uint8_t *mask, int height, int width,
                                     bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
