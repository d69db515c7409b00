#include "networks/class-list.h"

#include <stdio.h>

#include "networks/fitting.h"

void bt_class_list_make(bt_class_list *out, const bt_model *model, int count) {
    out->count = count < BT_MODEL_CLASSES_MAX ? count : BT_MODEL_CLASSES_MAX;
    for (int c = 0; c < out->count; c++) {
        bt_class *one = &out->of[c];
        bt_model_class_name(out->names[c], &model->classes, c);
        bt_model_class_colour(one->rgb, &model->classes, c);
        one->name = out->names[c];
        one->left_out = !bt_model_map_masks(&model->map, c, out->count);
    }
}

int bt_class_list_only(const bt_class_list *list) {
    int only = 0, masked = 0;
    for (int c = 0; c < list->count; c++) {
        if (list->of[c].left_out) continue;
        only = c;
        masked++;
    }
    return masked == 1 ? only : BT_CLASSES_SEVERAL;
}

void bt_class_colour_text(char out[BT_COLOUR_TEXT_SIZE], const bt_class *one) {
    snprintf(out, BT_COLOUR_TEXT_SIZE, "#%02x%02x%02x", one->rgb[0], one->rgb[1], one->rgb[2]);
}
