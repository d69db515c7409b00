#include "networks/class-list.h"

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
