#include "http/classes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "image/encode.h"
#include "networks/fitting.h"
#include "serving/serving.h"

bt_status bt_http_classes_read(bt_http_classes **out, bt_service *service, const bt_model_facts *facts,
                               bt_error *error) {
    bt_status status = BT_OK;
    *out = NULL;
    if (facts->class_count < 2) return BT_OK;
    bt_http_classes *classes = calloc(1, sizeof *classes);
    if (!classes) return bt_no_memory(error, "a model's classes");
    const int index = bt_service_find(service, facts->name);
    const bt_model_map *map = &bt_serving_model(service, index < 0 ? 0 : index)->resolved.model.map;
    classes->count = facts->class_count < BT_HTTP_CLASSES_MAX ? facts->class_count : BT_HTTP_CLASSES_MAX;
    for (int i = 0; i < classes->count && status == BT_OK; i++) {
        bt_http_class *class = &classes->of[i];
        class->share = NAN;
        class->left_out = !bt_model_map_masks(map, i, classes->count);
        status = bt_service_class(service, facts->name, i, class->name, class->rgb, error);
    }
    if (status == BT_OK)
        *out = classes;
    else
        free(classes);
    return status;
}

bool bt_http_classes_several(const bt_http_classes *classes) {
    int count = 0;
    for (int i = 0; classes && i < classes->count; i++)
        count += !classes->of[i].left_out;
    return count > 1;
}

void bt_http_classes_list(bt_class out[BT_HTTP_CLASSES_MAX], const bt_http_classes *classes) {
    for (int i = 0; i < classes->count; i++) {
        const bt_http_class *class = &classes->of[i];
        out[i] = (bt_class){.name = class->name, .left_out = class->left_out};
        memcpy(out[i].rgb, class->rgb, sizeof out[i].rgb);
    }
}

void bt_http_classes_share(bt_http_classes *classes, const uint8_t *labels, size_t pixels) {
    size_t counts[UINT8_MAX + 1] = {0};
    for (size_t i = 0; i < pixels; i++)
        counts[labels[i]]++;
    for (int i = 0; i < classes->count; i++)
        classes->of[i].share = (double)counts[i] / (double)pixels;
}

static json_t *class_to_json(const bt_http_class *class) {
    char color[8];
    snprintf(color, sizeof color, "#%02x%02x%02x", class->rgb[0], class->rgb[1], class->rgb[2]);
    json_t *json = json_pack("{s:o, s:s}", "name", bt_field_text(class->name), "color", color);
    if (!json || isnan(class->share) || json_object_set_new(json, "share", json_real(class->share)) == 0)
        return json;
    json_decref(json);
    return NULL;
}

json_t *bt_http_classes_to_json(const bt_http_classes *classes) {
    json_t *json = json_array();
    for (int i = 0; i < classes->count && json; i++)
        if (json_array_append_new(json, class_to_json(&classes->of[i])) != 0) {
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
    for (int i = 0; classes && i < classes->count; i++)
        memcpy(palette[i], classes->of[i].rgb, sizeof palette[i]);
    return bt_png_encode_palette(labels, height, width, palette, out, size, error);
}
