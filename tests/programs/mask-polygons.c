/* Prints the polygons of a mask of probabilities as JSON, or as a COCO data set of one picture that is called
 * as the mask's file: the way to compare them with any reference.
 *
 *   mask-polygons --mask F.f32 --height H --width W [--threshold 0.5] [--min-area 50] [--format json]
 *
 * The mask is H x W float32 values, row by row, of this machine's byte order. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "image/polygons.h"
#include "image/resize.h"

static const char usage[] =
    "usage: mask-polygons --mask FILE --height H --width W [--threshold T (0.5)] [--min-area PIXELS (50)]\n"
    "                     [--format json|coco|coco-rle (json)]\n";

typedef struct arguments {
    const char *mask, *format;
    double height, width, threshold, min_area_px;
} arguments;

static int read_number(double *out, const char *text) {
    char *end;
    *out = bt_text_read_number(text, &end);
    return *text && !*end && isfinite(*out);
}

static int is_format(const char *text) {
    return strcmp(text, "json") == 0 || strcmp(text, "coco") == 0 || strcmp(text, "coco-rle") == 0;
}

static int parse(arguments *a, int argc, char **argv) {
    static const struct option flags[] = {{"mask", 1, NULL, 'm'},
                                          {"height", 1, NULL, 'h'},
                                          {"width", 1, NULL, 'w'},
                                          {"threshold", 1, NULL, 't'},
                                          {"min-area", 1, NULL, 'a'},
                                          {"format", 1, NULL, 'f'},
                                          {0}};
    int flag, good = 1;
    while (good && (flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'm':
            a->mask = optarg;
            break;
        case 'h':
            good = read_number(&a->height, optarg);
            break;
        case 'w':
            good = read_number(&a->width, optarg);
            break;
        case 't':
            good = read_number(&a->threshold, optarg);
            break;
        case 'a':
            good = read_number(&a->min_area_px, optarg);
            break;
        case 'f':
            a->format = optarg;
            good = is_format(optarg);
            break;
        default:
            return 0;
        }
    }
    return good && a->mask && optind == argc && a->height >= 1 && a->width >= 1 &&
           a->height <= BT_IMAGE_SIDE_MAX && a->width <= BT_IMAGE_SIDE_MAX;
}

static bt_status read_mask(float **out, const arguments *a, bt_error *error) {
    size_t size, wanted = (size_t)a->height * (size_t)a->width * sizeof **out;
    char *bytes;
    bt_status status = bt_file_read(a->mask, wanted, &bytes, &size, error);
    if (status != BT_OK) return status;
    *out = (float *)bytes;
    if (size == wanted) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s has %zu bytes, not %zu", a->mask, size, wanted);
}

static bt_status write_text(const arguments *a, const bt_polygons *polygons, char **out, bt_error *error) {
    const char *slash = strrchr(a->mask, '/');
    const bt_coco_picture picture = {slash ? slash + 1 : a->mask, polygons};
    if (strcmp(a->format, "coco") == 0) return bt_polygons_coco(&picture, 1, "spheroid", out, error);
    if (strcmp(a->format, "coco-rle") == 0) return bt_polygons_coco_rle(&picture, 1, "spheroid", out, error);
    return bt_polygons_json(polygons, out, error);
}

int main(int argc, char **argv) {
    arguments a = {
        .format = "json", .threshold = (double)BT_POLYGONS_THRESHOLD, .min_area_px = BT_POLYGONS_MIN_AREA_PX};
    bt_polygons *polygons = NULL;
    float *mask = NULL;
    char *text = NULL;
    bt_error error = {0};
    if (!parse(&a, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    bt_status status = read_mask(&mask, &a, &error);
    if (status == BT_OK)
        status = bt_polygons_find(&polygons, mask, (int)a.height, (int)a.width, (float)a.threshold,
                                  a.min_area_px, &error);
    if (status == BT_OK) status = write_text(&a, polygons, &text, &error);
    if (status == BT_OK && (puts(text) == EOF || fflush(stdout) != 0))
        status =
            bt_fail(&error, BT_NOT_WRITTEN, "standard output could not be written; the polygons are lost");
    if (status != BT_OK) fprintf(stderr, "mask-polygons: %s\n", error.message);
    bt_free(text);
    bt_polygons_close(&polygons);
    free(mask);
    return status == BT_OK ? 0 : 1;
}
