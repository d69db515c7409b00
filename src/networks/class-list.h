/* A model's classes as batchtune.h has them: for polygons by class, and whoever writes or draws these. */
#ifndef BT_NETWORKS_CLASS_LIST_H
#define BT_NETWORKS_CLASS_LIST_H

#include "batchtune.h"
#include "networks/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_class_list {
    bt_class of[BT_MODEL_CLASSES_MAX]; /* their names are those below: the list stays where it was made */
    char names[BT_MODEL_CLASSES_MAX][BT_NAME_SIZE];
    int count;
} bt_class_list;

#define BT_CLASSES_SEVERAL  (-1)
#define BT_COLOUR_TEXT_SIZE 8

/* The first `count` classes, as many as its session says; those that its mask has not are left out. */
void bt_class_list_make(bt_class_list *out, const bt_model *model, int count);

/* The one class that is not left out: all regions are of it, and found by the mask's probability. BT_CLASSES_SEVERAL where
 * there are more: regions are of labels then. */
int bt_class_list_only(const bt_class_list *list);

/* "#e69f00" */
void bt_class_colour_text(char out[BT_COLOUR_TEXT_SIZE], const bt_class *one);

#ifdef __cplusplus
}
#endif
#endif
