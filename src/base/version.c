#include "base/version.h"

#include <string.h>

#ifndef BT_VERSION
#define BT_VERSION "unknown"
#endif
#ifndef BT_REVISION
#define BT_REVISION "unknown"
#endif

const char *bt_version(void) {
    return BT_VERSION;
}

const char *bt_revision(void) {
    return BT_REVISION;
}

#define TYPE(name)                                                                                           \
    { #name, sizeof(name) }

size_t bt_size_of(const char *type) {
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {
        TYPE(bt_error),
        TYPE(bt_service_options),
        TYPE(bt_model_facts),
        TYPE(bt_request),
        TYPE(bt_result),
        TYPE(bt_inbox_answer),
        TYPE(bt_metrics_latency),
        TYPE(bt_metrics_instance),
        TYPE(bt_metrics),
        TYPE(bt_pixel),
        TYPE(bt_ring),
        TYPE(bt_pixel_run),
        TYPE(bt_polygon),
        TYPE(bt_polygons),
        TYPE(bt_class),
        TYPE(bt_coco_picture),
    };
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0) return types[i].bytes;
    return 0;
}
