/* A folder of pictures through the simulated service, by several threads: each gets its polygons, a damaged
 * one stops no other, and COCO's one file is in the order of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/json.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/spheroids.h"
#include "scratch.h"
#include "segment/segment.h"

#define SIDE     48
#define PICTURES 12

static void draw_pictures(void) {
    uint8_t rgb[3 * SIDE * SIDE];
    bt_error error;
    mkdir("p", 0755);
    for (int i = 0; i < PICTURES; i++) {
        char path[32];
        snprintf(path, sizeof path, "p/%02d.png", i);
        if (bt_spheroids_draw(1, (uint64_t)i, SIDE, SIDE, rgb, NULL, &error) ||
            bt_png_save(path, rgb, SIDE, SIDE, 3, &error))
            fail_msg("%s", error.message);
    }
}

typedef struct run {
    bt_segment_settings settings;
    bt_option_sources sources;
    bt_pictures pictures;
    bt_segment_outputs outputs;
    bt_segment_summary summary;
    bt_error error;
    volatile sig_atomic_t stop;
} run;

static void set_up(run *r, bt_segment_format format) {
    size_t count;
    const bt_option *table = bt_segment_settings_table(&count);
    memset(r, 0, sizeof *r);
    bt_options_default(table, count, &r->settings, &r->sources);
    r->settings.format = format;
    strcpy(r->settings.image, "p");
    strcpy(r->settings.output, "o");
    strcpy(r->settings.service.backend, "sim:tau0_ms=2,alpha_ms=1");
    if (bt_options_read_pairs(table, count, "image_size=32,batch_size=3,min_area_px=0", "test", &r->settings,
                              &r->sources, &r->error) ||
        bt_pictures_list(&r->pictures, "p", &r->error) ||
        bt_segment_outputs_resolve(&r->outputs, &r->settings, &r->pictures, "hrnet", &r->error))
        fail_msg("%s", r->error.message);
}

static bt_status segment(run *r) {
    const bt_segment_options options = {.settings = &r->settings,
                                        .sources = &r->sources,
                                        .pictures = &r->pictures,
                                        .outputs = &r->outputs,
                                        .model = "hrnet",
                                        .stop = &r->stop};
    return bt_segment_pictures(&r->summary, &options, &r->error);
}

static json_t *load(const char *path) {
    json_t *json;
    bt_error error;
    if (bt_json_load(&json, path, &error)) fail_msg("%s", error.message);
    return json;
}

static void every_picture_gets_its_polygons(void **state) {
    (void)state;
    run r;
    draw_pictures();
    set_up(&r, BT_SEGMENT_FORMAT_JSON);
    if (segment(&r)) fail_msg("%s", r.error.message);
    assert_int_equal(r.summary.segmented, PICTURES);
    assert_int_equal(r.summary.failed, 0);
    assert_in_range(r.summary.batch_size, 1, 3);
    assert_true(r.summary.p95_latency_ms > 0);
    for (int i = 0; i < PICTURES; i++) {
        char path[32];
        snprintf(path, sizeof path, "o/%02d.json", i);
        json_t *json = load(path);
        assert_int_equal(json_integer_value(json_object_get(json, "height")), SIDE);
        assert_string_equal(json_string_value(json_object_get(json, "image")), r.pictures.files[i].name);
        const json_t *metadata = json_object_get(json, "metadata");
        assert_in_range(json_integer_value(json_object_get(metadata, "batch_size")), 1, 3);
        assert_true(json_is_real(json_object_get(metadata, "p95_latency_ms")));
        json_decref(json);
    }
    bt_pictures_close(&r.pictures);
}

/* Of a network of one class: the pixels of its regions. */
static void labels_are_one_in_regions(void **state) {
    (void)state;
    run r;
    draw_pictures();
    set_up(&r, BT_SEGMENT_FORMAT_JSON);
    strcpy(r.settings.labels, "l");
    if (bt_segment_outputs_resolve(&r.outputs, &r.settings, &r.pictures, "hrnet", &r.error) || segment(&r))
        fail_msg("%s", r.error.message);
    for (int i = 0; i < PICTURES; i++) {
        char path[32];
        bt_picture picture;
        double area = 0;
        snprintf(path, sizeof path, "l/%02d.png", i);
        if (bt_picture_load(&picture, path, &(bt_picture_wishes){0}, &r.error))
            fail_msg("%s", r.error.message);
        for (int k = 0; k < SIDE * SIDE; k++) {
            assert_in_range(picture.rgb[3 * k], 0, 1);
            area -= picture.rgb[3 * k];
        }
        snprintf(path, sizeof path, "o/%02d.json", i);
        json_t *json = load(path), *polygon;
        size_t k;
        json_array_foreach(json_object_get(json, "polygons"), k, polygon) {
            area += json_number_value(json_object_get(polygon, "area"));
        }
        assert_true(area == 0);
        assert_null(json_object_get(json_object_get(json, "metadata"), "classes"));
        json_decref(json);
        bt_picture_close(&picture);
    }
    bt_pictures_close(&r.pictures);
}

static void a_damaged_picture_stops_no_other(void **state) {
    (void)state;
    run r;
    draw_pictures();
    FILE *file = fopen("p/05.png", "w");
    assert_non_null(file);
    fputs("\x89PNG\r\n\x1a\n, so it says", file);
    fclose(file);
    set_up(&r, BT_SEGMENT_FORMAT_COCO);
    if (segment(&r)) fail_msg("%s", r.error.message);
    assert_int_equal(r.summary.segmented, PICTURES - 1);
    assert_int_equal(r.summary.failed, 1);
    assert_non_null(strstr(r.summary.failure.message, "p/05.png"));
    json_t *coco = load("o");
    const json_t *images = json_object_get(coco, "images");
    assert_int_equal(json_array_size(images), PICTURES - 1);
    for (size_t i = 0; i < PICTURES - 1; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(images, i), "file_name"));
        assert_string_equal(name, r.pictures.files[i < 5 ? i : i + 1].name);
    }
    assert_int_equal(json_integer_value(json_object_get(json_object_get(coco, "metadata"), "failed")), 1);
    json_decref(coco);
    bt_pictures_close(&r.pictures);
}

static void a_stop_begins_no_further_picture(void **state) {
    (void)state;
    run r;
    draw_pictures();
    set_up(&r, BT_SEGMENT_FORMAT_COCO);
    r.stop = 1;
    if (segment(&r)) fail_msg("%s", r.error.message);
    assert_int_equal(r.summary.segmented + r.summary.failed, 0);
    assert_false(bt_file_exists("o"));
    bt_pictures_close(&r.pictures);
}

static void a_backend_that_is_none_fails_before_any_picture(void **state) {
    (void)state;
    run r;
    draw_pictures();
    set_up(&r, BT_SEGMENT_FORMAT_JSON);
    strcpy(r.settings.service.backend, "abacus");
    assert_int_equal(segment(&r), BT_INVALID);
    assert_non_null(strstr(r.error.message, "abacus"));
    bt_pictures_close(&r.pictures);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(every_picture_gets_its_polygons),
        IN_SCRATCH(labels_are_one_in_regions),
        IN_SCRATCH(a_damaged_picture_stops_no_other),
        IN_SCRATCH(a_stop_begins_no_further_picture),
        IN_SCRATCH(a_backend_that_is_none_fails_before_any_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
