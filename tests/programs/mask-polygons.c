/* Prints the polygons of a mask of probabilities as JSON, or as a COCO data set of one picture that is called
 * as the mask's file: the way to compare them with any reference.
 *
 *   mask-polygons --mask F.f32 --height H --width W [--threshold 0.5] [--min-area 50] [--format json]
 *
 * The mask is H x W float32 values, row by row, of this machine's byte order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "image/polygons.h"
#include "image/resize.h"
#include "program-options.h"

typedef enum mask_format { FORMAT_JSON, FORMAT_COCO, FORMAT_COCO_RLE } mask_format;

typedef struct arguments {
    char mask[BT_OPTION_TEXT_SIZE];
    int64_t height, width;
    double threshold, min_area;
    int format;
} arguments;

#define VALUE(name) #name, .offset = offsetof(arguments, name)
#define SIDE        .type = BT_OPTION_INTEGER, .minimum = 1, .maximum = BT_IMAGE_SIDE_MAX, .placeholder = "PX"

static const bt_option table[] = {
    {VALUE(mask), .type = BT_OPTION_TEXT, .placeholder = "FILE", .help = "Needed."},
    {VALUE(height), SIDE, .help = "Needed."},
    {VALUE(width), SIDE, .help = "Needed."},
    {VALUE(threshold), .type = BT_OPTION_NUMBER, .placeholder = "T",
     .help = "The library's where not given."},
    {VALUE(min_area), .type = BT_OPTION_NUMBER, .initial = "50", .placeholder = "PIXELS"},
    {VALUE(format), .type = BT_OPTION_CHOICE, .initial = "json", .choices = "json|coco|coco-rle"},
};

static const program_options command = {"mask-polygons", "--mask FILE --height H --width W [options]", table,
                                        sizeof table / sizeof *table};

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
    if (a->format == FORMAT_COCO) return bt_polygons_coco(&picture, 1, "spheroid", out, error);
    if (a->format == FORMAT_COCO_RLE) return bt_polygons_coco_rle(&picture, 1, "spheroid", out, error);
    return bt_polygons_json(polygons, out, error);
}

int main(int argc, char **argv) {
    static arguments a;
    bt_polygons *polygons = NULL;
    float *mask = NULL;
    char *text = NULL;
    bt_error error = {0};
    int code = program_options_read(&command, argc, argv, &a);
    if (code < 0 && (!*a.mask || a.height == 0 || a.width == 0))
        code = program_options_refuse(&command, "--mask, --height, --width", "", "give all three");
    if (code >= 0) return code;
    bt_status status = read_mask(&mask, &a, &error);
    if (status == BT_OK)
        status = bt_polygons_find(&polygons, mask, (int)a.height, (int)a.width, (float)a.threshold,
                                  a.min_area, &error);
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
