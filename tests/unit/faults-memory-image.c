/* Pictures and polygons: memory that runs out at any moment is one clear error, and nothing is lost. The
 * n-th allocation fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fault-documents.h"
#include "image/decode.h"
#include "image/overlay.h"
#include "image/polygons.h"
#include "image/spheroids.h"

static bt_status draw(bt_error *error) {
    static uint8_t rgb[3 * 32 * 32], mask[32 * 32];
    return bt_spheroids_draw(1, 2, 32, 32, rgb, mask, error);
}

static bt_status read_picture(bt_error *error) {
    static const char *const names[] = {"rgba-8.png",       "gray-16.png",     "turned-6.jpg",
                                        "rgb-8-pages.tif",  "ome-12-bits.tif", "imagej-two-channels-big.tif",
                                        "micro-manager.tif"};
    bt_status status = BT_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == BT_OK; i++) {
        char path[BT_PATH_SIZE];
        bt_picture picture;
        snprintf(path, sizeof path, "%s/tests/images/%s", made.root, names[i]);
        status = bt_picture_load(&picture, path, NULL, error);
        if (status == BT_OK) bt_picture_close(&picture);
    }
    return status;
}

/* A ring of eight pixels around a hole. */
static bt_status write_coco(bt_error *error) {
    static const bt_pixel_run runs[] = {{1, 1, 4}, {2, 1, 2}, {2, 3, 4}, {3, 1, 4}};
    static const bt_polygon ring = {
        .area_px = 8, .confidence = 1, .width = 3, .height = 3, .runs = runs, .run_count = 4};
    static const bt_polygons polygons = {6, 5, 1, &ring};
    static const char *const parts[] = {"[1,1,4,1,4,4,1,4,1,2,2,2,2,3,3,3,3,2,2,2,1,2]", "733NN0225"};
    const bt_coco_picture picture = {"ring.png", &polygons};
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        bt_status status = (i ? bt_polygons_coco_rle : bt_polygons_coco)(&picture, 1, "cell", &text, error);
        if (status != BT_OK) return status;
        if (!strstr(text, parts[i]) || !strstr(text, "\"supercategory\"")) fail_msg("lost of it: %s", text);
        bt_free(text);
    }
    return BT_OK;
}

static const bt_class classes[] = {{.name = "ground", .left_out = true}, {.name = "cell", .rgb = {1, 2, 3}}};

/* Regions that are all too small: OpenCV has no part in it. */
static bt_status find_classes(bt_error *error) {
    static const uint8_t labels[] = {1, 0, 1, 0, 0, 0, 1, 1, 0};
    bt_polygons *found;
    bt_status status = bt_polygons_find_classes(&found, labels, NULL, classes, 2, 3, 3, 9, error);
    if (status == BT_OK && found->count != 0) fail_msg("a region of 9 pixels");
    bt_polygons_close(&found);
    return status;
}

static bt_status write_classes(bt_error *error) {
    static const bt_pixel_run runs[] = {{1, 1, 2}};
    static const bt_polygon pixel = {.area_px = 1,
                                     .confidence = 1,
                                     .width = 1,
                                     .height = 1,
                                     .runs = runs,
                                     .run_count = 1,
                                     .class_number = 1};
    static const bt_polygons polygons = {2, 2, 1, &pixel};
    const bt_coco_picture picture = {"pixel.png", &polygons};
    char *text = NULL;
    bt_status status = bt_polygons_json_classes(&polygons, classes, 2, &text, error);
    if (status == BT_OK && !strstr(text, "\"class_number\":1}]}")) fail_msg("lost of it: %s", text);
    bt_free(text);
    if (status != BT_OK) return status;
    status = bt_polygons_coco_classes(&picture, 1, classes, 2, false, &text, error);
    if (status == BT_OK && !strstr(text, "\"name\":\"cell\"")) fail_msg("lost of it: %s", text);
    bt_free(text);
    if (status != BT_OK) return status;
    status = bt_polygons_to_text(bt_polygons_classes_to_geojson(&polygons, classes), &text, error);
    if (status == BT_OK && !strstr(text, "{\"name\":\"cell\",\"color\":[1,2,3]}"))
        fail_msg("lost of it: %s", text);
    bt_free(text);
    return status;
}

static bt_status draw_classes(bt_error *error) {
    static const bt_pixel points[] = {{20, 20}, {40, 20}, {40, 40}};
    static const bt_polygon triangle = {.outline = {points, 3},
                                        .confidence = 1,
                                        .x = 20,
                                        .y = 20,
                                        .width = 21,
                                        .height = 21,
                                        .class_number = 1};
    static const bt_polygons polygons = {64, 64, 1, &triangle};
    static uint8_t rgb[3 * 64 * 64];
    return bt_overlay_draw_classes(rgb, &polygons, classes, 2, error);
}

static const fault_case cases[] = {
    {"draw an image", .run = draw},
    {"decode a picture", .run = read_picture},
    {"write COCO", .run = write_coco},
    {"find regions by class", .run = find_classes},
    {"write polygons by class", .run = write_classes},
    {"draw polygons by class", .run = draw_classes},
};

int main(void) {
    return faults_memory_main("faults: memory, image", cases, sizeof cases / sizeof *cases);
}
