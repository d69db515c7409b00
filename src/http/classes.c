#include "http/classes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "image/encode.h"

bt_status bt_http_classes_open(bt_http_classes **out, const bt_model *model, int count, bt_error *error) {
    *out = NULL;
    if (count < 2) return BT_OK;
    bt_http_classes *classes = *out = calloc(1, sizeof *classes);
    if (!classes) return bt_no_memory(error, "a model's classes");
    bt_class_list_make(&classes->list, model, count);
    for (int i = 0; i < classes->list.count; i++)
        classes->shares[i] = NAN;
    return BT_OK;
}

void bt_http_classes_share(bt_http_classes *classes, const uint8_t *labels, size_t pixels) {
    size_t counts[UINT8_MAX + 1] = {0};
    for (size_t i = 0; i < pixels; i++)
        counts[labels[i]]++;
    for (int i = 0; i < classes->list.count; i++)
        classes->shares[i] = (double)counts[i] / (double)pixels;
}

static json_t *class_to_json(const bt_class *class, double share) {
    char colour[BT_COLOUR_TEXT_SIZE];
    bt_class_colour_text(colour, class);
    json_t *json = json_pack("{s:o, s:s}", "name", bt_field_text(class->name), "color", colour);
    if (!json || isnan(share) || json_object_set_new(json, "share", json_real(share)) == 0) return json;
    json_decref(json);
    return NULL;
}

json_t *bt_http_classes_to_json(const bt_http_classes *classes) {
    json_t *json = json_array();
    for (int i = 0; i < classes->list.count && json; i++)
        if (json_array_append_new(json, class_to_json(&classes->list.of[i], classes->shares[i])) != 0) {
            json_decref(json);
            return NULL;
        }
    return json;
}

bt_status bt_http_classes_png(uint8_t **out, size_t *size, const bt_http_classes *classes,
                              const uint8_t *labels, int height, int width, bt_error *error) {
    uint8_t palette[BT_PNG_COLOURS][3];
    memset(palette, 255, sizeof palette);
    memset(palette[0], 0, sizeof palette[0]);
    for (int i = 0; classes && i < classes->list.count; i++)
        memcpy(palette[i], classes->list.of[i].rgb, sizeof palette[i]);
    return bt_png_encode_palette(labels, height, width, palette, out, size, error);
}
