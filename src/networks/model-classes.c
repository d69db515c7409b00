#include "networks/model-classes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Okabe and Ito's, the lightest last: class 1 is orange. */
static const uint8_t first_colours[][3] = {{0, 0, 0},       {230, 159, 0},  {86, 180, 233},
                                           {0, 158, 115},   {213, 94, 0},   {0, 114, 178},
                                           {204, 121, 167}, {240, 228, 66}, {153, 153, 153}};
#define FIRST_COLOURS (int)(sizeof first_colours / sizeof *first_colours)

/* Turning by the golden angle leaves hues far apart, however many there are. */
#define GOLDEN_TURN 0.381966011

/* A hue of 0..1 at full saturation, somewhat dark. */
static void hue_colour(uint8_t rgb[3], double hue) {
    for (int c = 0; c < 3; c++) {
        const double k = fmod(5 - 2 * c + 6 * hue, 6);
        rgb[c] = (uint8_t)lround(220 * (1 - fmax(0, fmin(1, fmin(k, 4 - k)))));
    }
}

void bt_model_class_name(char out[BT_NAME_SIZE], const bt_model_classes *classes, int number) {
    if (number >= 0 && number < BT_MODEL_CLASSES_MAX && classes->of[number].name[0])
        memcpy(out, classes->of[number].name, BT_NAME_SIZE);
    else
        snprintf(out, BT_NAME_SIZE, "class %d", number);
}

void bt_model_class_colour(uint8_t rgb[3], const bt_model_classes *classes, int number) {
    if (number >= 0 && number < BT_MODEL_CLASSES_MAX && classes->of[number].coloured)
        memcpy(rgb, classes->of[number].rgb, 3);
    else if (number >= 0 && number < FIRST_COLOURS)
        memcpy(rgb, first_colours[number], 3);
    else
        hue_colour(rgb, fmod(GOLDEN_TURN * number, 1));
}
