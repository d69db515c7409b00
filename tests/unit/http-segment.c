/* A picture by itself: its query is read or told what would be right, its answer comes in the form that was wanted, and
 * each form holds what its readers need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "http/segment.h"
#include "image/decode.h"
#include "image/encode.h"

/* ---- the query ---- */

static void a_query_is_read(void **state) {
    (void)state;
    bt_segment_query query;
    bt_error error;
    bt_segment_query_default(&query);
    assert_float_equal(query.threshold, 0.5, 0);
    assert_float_equal(query.min_area_px, 0, 0);
    assert_float_equal(query.timeout_ms, 0, 0);
    must(bt_segment_query_set(&query, "threshold", "0.25", &error), &error);
    must(bt_segment_query_set(&query, "min_area_px", "50", &error), &error);
    must(bt_segment_query_set(&query, "timeout_ms", "1500", &error), &error);
    must(bt_segment_query_set(&query, "category", "a cell, \"round\"", &error), &error);
    must(bt_segment_query_set(&query, "file_name", "plate/1.tif", &error), &error);
    assert_float_equal(query.threshold, 0.25, 0);
    assert_float_equal(query.min_area_px, 50, 0);
    assert_float_equal(query.timeout_ms, 1500, 0);
    assert_string_equal(query.category, "a cell, \"round\"");
    assert_string_equal(query.file_name, "plate/1.tif");
}

static void a_wrong_query_is_told_what_would_be_right(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } wrong[] = {
        {"threshold", "1", "threshold"},
        {"threshold", "0", "threshold"},
        {"threshold", "high", "threshold"},
        {"threshold", "", "threshold"},
        {"threshold", NULL, "threshold"},
        {"threshold", "0.4,timeout_ms=1", "query: threshold: a number"},
        {"min_area_px", "-1", "min_area_px"},
        {"timeout_ms", "1e12", "timeout_ms"},
        {"priority", "4", "priority"},
        {"priority", "first", "priority"},
        {"png", "colours", "png"},
        {"treshold", "0.4", "threshold"}, /* the nearest that there is */
        {"", "", "query"},
        {"category", "", "query: category: a text in UTF-8, of 1 to 511 bytes"},
        {"category", "\xff", "query: category: a text in UTF-8"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bt_segment_query query;
        bt_error error;
        bt_segment_query_default(&query);
        if (bt_segment_query_set(&query, wrong[i].key, wrong[i].value, &error) != BT_INVALID)
            fail_msg("%s=%s is taken", wrong[i].key, wrong[i].value);
        says(error.message, wrong[i].message);
    }
}

/* ---- the form ---- */

static void the_form_wanted_is_chosen(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        bt_segment_form form;
    } wanted[] = {
        {NULL, BT_SEGMENT_JSON},
        {"*/*", BT_SEGMENT_JSON},
        {"application/geo+json", BT_SEGMENT_GEOJSON},
        {"application/vnd.coco+json", BT_SEGMENT_COCO},
        {"application/vnd.coco-rle+json", BT_SEGMENT_COCO_RLE},
        {"image/*", BT_SEGMENT_MASK},
        {"image/png, application/json;q=0.5", BT_SEGMENT_MASK},
    };
    bt_segment_form form;
    bt_error error;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        must(bt_segment_choose(&form, wanted[i].accept, true, &error), &error);
        assert_int_equal(form, wanted[i].form);
    }
    assert_int_equal(bt_segment_choose(&form, "text/html", true, &error), BT_UNSUPPORTED);
    assert_string_equal(
        error.message,
        "Accept: \"text/html\" is none of the forms that there are: application/json, "
        "application/geo+json, application/vnd.coco+json, application/vnd.coco-rle+json, image/png");
}

static void without_polygons_there_are_masks(void **state) {
    (void)state;
    bt_segment_form form;
    bt_error error;
    must(bt_segment_choose(&form, "*/*", false, &error), &error);
    assert_int_equal(form, BT_SEGMENT_MASK);
    assert_int_equal(bt_segment_choose(&form, "application/json", false, &error), BT_UNSUPPORTED);
    says(error.message, "there are: image/png; polygons cannot be found here");
}

/* ---- the request ---- */

static void the_body_is_one_picture(void **state) {
    (void)state;
    static const uint8_t gray[6] = {1, 2, 3, 4, 5, 6};
    const bt_infer_limits limits = {.pictures = 8, .polygons = true};
    bt_infer_request request;
    bt_segment_query query;
    uint8_t *png;
    size_t size;
    bt_error error;
    bt_segment_query_default(&query);
    query.threshold = 0.25;
    query.timeout_ms = 7;
    query.priority = 3;
    query.min_area_px = 3;
    must(bt_png_encode(gray, 2, 3, 1, &png, &size, &error), &error);
    must(bt_segment_request_read(&request, png, size, &query, BT_SEGMENT_GEOJSON, &limits, &error), &error);
    assert_int_equal(request.count, 1);
    assert_int_equal(request.pictures[0].width, 3);
    assert_float_equal(request.threshold, 0.25, 0);
    assert_float_equal(request.timeout_ms, 7, 0);
    assert_int_equal(request.priority, 3);
    assert_float_equal(request.min_area_px, 3, 0);
    assert_true(bt_infer_wants(&request, BT_INFER_POLYGONS));
    assert_false(bt_infer_wants(&request, BT_INFER_MASK));
    bt_infer_request_close(&request);
    must(bt_segment_request_read(&request, png, size, &query, BT_SEGMENT_MASK, &limits, &error), &error);
    assert_true(bt_infer_wants(&request, BT_INFER_MASK));
    assert_false(bt_infer_wants(&request, BT_INFER_POLYGONS));
    bt_infer_request_close(&request);
    assert_int_not_equal(
        bt_segment_request_read(&request, "no picture", 10, &query, BT_SEGMENT_MASK, &limits, &error), BT_OK);
    assert_int_not_equal(bt_segment_request_read(&request, "", 0, &query, BT_SEGMENT_MASK, &limits, &error),
                         BT_OK);
    free(png);
}

/* Of a model of several classes a PNG is of their labels, unless the mask is asked for; and documents tell their shares. */
static void what_a_form_is_made_of(void **state) {
    (void)state;
    static const uint8_t gray[1] = {0};
    static const struct {
        int classes, png;
        bt_segment_form form;
        bool mask, labels, polygons;
    } cases[] = {
        {1, BT_SEGMENT_PNG_AUTO, BT_SEGMENT_MASK, true, false, false},
        {3, BT_SEGMENT_PNG_AUTO, BT_SEGMENT_MASK, false, true, false},
        {3, BT_SEGMENT_PNG_MASK, BT_SEGMENT_MASK, true, false, false},
        {1, BT_SEGMENT_PNG_LABELS, BT_SEGMENT_MASK, false, true, false},
        {1, BT_SEGMENT_PNG_LABELS, BT_SEGMENT_JSON, false, false, true},
        {3, BT_SEGMENT_PNG_AUTO, BT_SEGMENT_JSON, false, true, true},
    };
    uint8_t *png;
    size_t size;
    bt_error error;
    must(bt_png_encode(gray, 1, 1, 1, &png, &size, &error), &error);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bt_infer_limits limits = {.pictures = 8, .polygons = true, .classes = cases[i].classes};
        bt_infer_request request;
        bt_segment_query query;
        bt_segment_query_default(&query);
        query.png = cases[i].png;
        must(bt_segment_request_read(&request, png, size, &query, cases[i].form, &limits, &error), &error);
        assert_int_equal(bt_infer_wants(&request, BT_INFER_MASK), cases[i].mask);
        assert_int_equal(bt_infer_wants(&request, BT_INFER_LABELS), cases[i].labels);
        assert_int_equal(bt_infer_wants(&request, BT_INFER_POLYGONS), cases[i].polygons);
        bt_infer_request_close(&request);
    }
    free(png);
}

/* ---- the answer ---- */

/* A picture of two pixels that touch by a corner, and what was served of it. */
static char *text_of(bt_segment_form form, const char *id) {
    static const bt_pixel points[] = {{0, 0}, {1, 1}};
    static const bt_pixel_run runs[] = {{0, 0, 1}, {1, 1, 2}};
    static const bt_polygon polygon = {.outline = {points, 2},
                                       .area_px = 2,
                                       .confidence = 0.75,
                                       .width = 2,
                                       .height = 2,
                                       .runs = runs,
                                       .run_count = 2};
    static const bt_polygons polygons = {2, 2, 1, &polygon};
    bt_segment_query query;
    const bt_result result = {.inference_mode = "production_optimized",
                              .batch_size = 4,
                              .queue_ms = 1.5,
                              .service_ms = 2.5,
                              .latency_ms = 5,
                              .p95_latency_ms = NAN};
    const bt_segment_facts facts = {.model = "hrnet", .id = id, .query = &query, .result = &result};
    char *text;
    bt_error error;
    bt_segment_query_default(&query);
    must(bt_segment_text(&text, form, &polygons, &facts, &error), &error);
    return text;
}

static void tells_how_it_was_served(const char *text) {
    says(text, "\"inference_mode\":\"production_optimized\"");
    says(text, "\"batch_size\":4");
    says(text, "\"queue_ms\":1.5");
    says(text, "\"service_ms\":2.5");
    says(text, "\"latency_ms\":5.0");
    says(text, "\"p95_latency_ms\":null");
    says(text, "\"model\":\"hrnet\"");
    says(text, "\"threshold\":0.5");
    says(text, "\"id\":\"me\"");
}

static void each_form_has_its_place_for_metadata(void **state) {
    (void)state;
    static const char *const starts[] = {
        [BT_SEGMENT_JSON] = "{\"height\":2,\"width\":2,\"polygons\":[{\"type\":\"external\",",
        [BT_SEGMENT_GEOJSON] = "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",",
        [BT_SEGMENT_COCO] = "{\"info\":{\"description\":",
        [BT_SEGMENT_COCO_RLE] = "{\"info\":{\"description\":",
    };
    static const char *const lines[] = {
        [BT_SEGMENT_JSON] = "\"outlines\":\"through pixel centres\"",
        [BT_SEGMENT_GEOJSON] = "\"outlines\":\"along pixel edges\"",
        [BT_SEGMENT_COCO] = "\"outlines\":\"along pixel edges\"",
        [BT_SEGMENT_COCO_RLE] = "\"outlines\":\"none: run-length masks\"",
    };
    for (int form = 0; form < BT_SEGMENT_MASK; form++) {
        char *text = text_of((bt_segment_form)form, "me");
        assert_memory_equal(text, starts[form], strlen(starts[form]));
        says(text, "\"metadata\":{");
        says(text, lines[form]);
        tells_how_it_was_served(text);
        free(text);
    }
}

static void outlines_are_each_forms_own(void **state) {
    (void)state;
    char *text = text_of(BT_SEGMENT_JSON, NULL);
    says(text, "\"points\":[[0,0],[1,1]]");
    assert_null(strstr(text, "\"id\""));
    free(text);
    text = text_of(BT_SEGMENT_GEOJSON, "");
    says(text, "\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,1],[0,0]]],[[[1,1],[2,1],");
    free(text);
    text = text_of(BT_SEGMENT_COCO, NULL);
    says(text, "\"segmentation\":[[0,0,1,0,1,1,2,1,2,2,1,2,1,1,0,1]]");
    says(text, "\"file_name\":\"picture\"");
    free(text);
    text = text_of(BT_SEGMENT_COCO_RLE, NULL);
    says(text, "\"segmentation\":{\"size\":[2,2],\"counts\":\"");
    free(text);
}

static void a_mask_is_black_and_white(void **state) {
    (void)state;
    uint8_t mask[6] = {0, 1, 1, 0, 0, 1}, *png;
    size_t size;
    bt_picture picture;
    bt_error error;
    must(bt_segment_png(&png, &size, mask, 2, 3, &error), &error);
    must(bt_picture_decode(&picture, png, size, "mask", NULL, &error), &error);
    assert_int_equal(picture.height, 2);
    assert_int_equal(picture.width, 3);
    for (int i = 0; i < 6; i++)
        assert_int_equal(picture.rgb[3 * i], mask[i]);
    assert_int_equal(mask[1], 255);
    bt_picture_close(&picture);
    free(png);
}

static bt_http_classes three_classes(void) {
    return (bt_http_classes){.list = {.count = 3,
                                      .of = {{"ground", {0, 0, 0}, true},
                                             {"cell", {230, 159, 0}, false},
                                             {"rim", {1, 2, 3}, false}}},
                             .shares = {NAN, NAN, NAN}};
}

/* Of what has no label, white. */
static void labels_are_in_their_classes_colours(void **state) {
    (void)state;
    static const uint8_t labels[6] = {0, 1, 2, 2, 255, 0},
                         colours[6][3] = {{0, 0, 0}, {230, 159, 0},   {1, 2, 3},
                                          {1, 2, 3}, {255, 255, 255}, {0, 0, 0}};
    const bt_http_classes classes = three_classes();
    uint8_t *png;
    size_t size;
    bt_picture picture;
    bt_error error;
    must(bt_http_classes_png(&png, &size, &classes, labels, 2, 3, &error), &error);
    assert_int_equal(png[25], 3); /* of a palette, whose places are the classes' numbers */
    must(bt_picture_decode(&picture, png, size, "labels", NULL, &error), &error);
    assert_int_equal(picture.width, 3);
    assert_memory_equal(picture.rgb, colours, sizeof colours);
    bt_picture_close(&picture);
    free(png);
}

static void documents_tell_each_class_and_its_share(void **state) {
    (void)state;
    static const uint8_t labels[8] = {0, 0, 0, 0, 1, 1, 2, 255};
    static const bt_polygons none = {2, 4, 0, NULL};
    bt_http_classes classes = three_classes();
    bt_segment_query query;
    const bt_result result = {.inference_mode = "production_optimized"};
    const bt_segment_facts facts = {.model = "net", .query = &query, .result = &result, .classes = &classes};
    char *text;
    bt_error error;
    bt_segment_query_default(&query);
    bt_http_classes_share(&classes, labels, sizeof labels);
    must(bt_segment_text(&text, BT_SEGMENT_JSON, &none, &facts, &error), &error);
    says(text, "\"classes\":[{\"name\":\"ground\",\"color\":\"#000000\",\"share\":0.5},{\"name\":\"cell\","
               "\"color\":\"#e69f00\","
               "\"share\":0.25},{\"name\":\"rim\",\"color\":\"#010203\",\"share\":0.125}]");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_read),
        cmocka_unit_test(a_wrong_query_is_told_what_would_be_right),
        cmocka_unit_test(the_form_wanted_is_chosen),
        cmocka_unit_test(without_polygons_there_are_masks),
        cmocka_unit_test(the_body_is_one_picture),
        cmocka_unit_test(what_a_form_is_made_of),
        cmocka_unit_test(each_form_has_its_place_for_metadata),
        cmocka_unit_test(outlines_are_each_forms_own),
        cmocka_unit_test(a_mask_is_black_and_white),
        cmocka_unit_test(labels_are_in_their_classes_colours),
        cmocka_unit_test(documents_tell_each_class_and_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
