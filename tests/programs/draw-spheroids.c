/* Draws synthetic images: as a raw stream for the script that trains the demo weights, or as files to look
 * at.
 *
 * usage: draw-spheroids --seed S --first I --count N --size W [--height H] [--output DIR]
 *
 * Without --output, each image goes to standard output as H x W x 3 bytes of RGB and H x W bytes of mask (0
 * or 1). With it, image I becomes DIR/I.png and DIR/I-mask.png. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/encode.h"
#include "image/spheroids.h"

typedef struct arguments {
    unsigned long long seed, first, count;
    int height, width;
    const char *output;
} arguments;

static int parse(arguments *a, int argc, char **argv) {
    *a = (arguments){.count = 1, .width = 128};
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0)
            a->seed = value;
        else if (strcmp(argv[i], "--first") == 0)
            a->first = value;
        else if (strcmp(argv[i], "--count") == 0)
            a->count = value;
        else if (strcmp(argv[i], "--size") == 0)
            a->width = (int)value;
        else if (strcmp(argv[i], "--height") == 0)
            a->height = (int)value;
        else if (strcmp(argv[i], "--output") == 0)
            a->output = argv[i + 1];
        else
            return 0;
    }
    if (a->height == 0) a->height = a->width;
    return argc % 2 == 1;
}

static int write_file(const arguments *a, unsigned long long index, const char *suffix, const uint8_t *bytes,
                      int channels) {
    char path[4096];
    bt_error error;
    snprintf(path, sizeof(path), "%s/%llu%s.png", a->output, index, suffix);
    return bt_png_save(path, bytes, a->height, a->width, channels, &error) == BT_OK;
}

/* Masks are written black and white, so that a viewer shows them. */
static int write_image(const arguments *a, unsigned long long index, const uint8_t *rgb, uint8_t *mask) {
    size_t pixels = (size_t)a->height * (size_t)a->width;
    if (a->output == NULL)
        return fwrite(rgb, 3, pixels, stdout) == pixels && fwrite(mask, 1, pixels, stdout) == pixels;
    for (size_t i = 0; i < pixels; i++)
        mask[i] = mask[i] != 0 ? 255 : 0;
    return write_file(a, index, "", rgb, 3) && write_file(a, index, "-mask", mask, 1);
}

int main(int argc, char **argv) {
    arguments a;
    bt_error error;
    int result = 0;
    if (!parse(&a, argc, argv)) {
        fprintf(stderr,
                "usage: draw-spheroids --seed S --first I --count N --size W [--height H] [--output DIR]\n");
        return 2;
    }
    size_t pixels = (size_t)a.height * (size_t)a.width;
    uint8_t *rgb = malloc(3 * pixels), *mask = malloc(pixels);
    if (rgb == NULL || mask == NULL) {
        fprintf(stderr, "draw-spheroids: no memory for %d x %d pixels\n", a.height, a.width);
        result = 1;
    }
    for (unsigned long long i = a.first; result == 0 && i < a.first + a.count; i++) {
        if (bt_spheroids_draw(a.seed, i, a.height, a.width, rgb, mask, &error) != BT_OK) {
            fprintf(stderr, "draw-spheroids: %s\n", error.message);
            result = 2;
        } else if (!write_image(&a, i, rgb, mask)) {
            fprintf(stderr, "draw-spheroids: cannot write image %llu\n", i);
            result = 1;
        }
    }
    free(mask);
    free(rgb);
    return result;
}
