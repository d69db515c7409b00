/* What holds of polygons of several classes, whoever writes or draws them. */
#include "base/text.h"
#include "image/polygons.h"

bt_status bt_classes_check(const bt_class *classes, int class_count, bt_error *error) {
    if (!classes || class_count < 1 || class_count > BT_CLASSES_MAX)
        return bt_fail(error, BT_INVALID, "%d classes: labels tell 1 to %d apart", classes ? class_count : 0,
                       BT_CLASSES_MAX);
    for (int c = 0; c < class_count; c++) {
        if (!classes[c].name) return bt_fail(error, BT_INVALID, "class %d has no name", c);
        if (!bt_text_is_utf8(classes[c].name))
            return bt_fail(error, BT_INVALID, "the name of class %d is not UTF-8", c);
    }
    return BT_OK;
}

bt_status bt_classes_check_polygons(const bt_class *classes, int class_count, const bt_polygons *polygons,
                                    bt_error *error) {
    for (int i = 0; i < polygons->count; i++) {
        const int number = polygons->items[i].class_number;
        if (number < 0 || number >= class_count)
            return bt_fail(error, BT_INVALID, "polygon %d is of class %d; there are %d", i + 1, number,
                           class_count);
        if (classes[number].left_out)
            return bt_fail(error, BT_INVALID, "polygon %d is of class %d, which is left out", i + 1, number);
    }
    return BT_OK;
}

int bt_classes_seen(int numbers[BT_CLASSES_MAX], const bt_polygons *polygons) {
    bool seen[BT_CLASSES_MAX] = {false};
    int count = 0;
    for (int i = 0; i < polygons->count; i++)
        seen[polygons->items[i].class_number] = true;
    for (int c = 0; c < BT_CLASSES_MAX; c++)
        if (seen[c]) numbers[count++] = c;
    return count;
}
