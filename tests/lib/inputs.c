#include "inputs.h"

#include <stdlib.h>

#include "base/random.h"
#include "image/normalize.h"
#include "image/spheroids.h"

void input_counter(float *images, size_t count, const char *name, uint64_t seed) {
    uint64_t key = bt_counter_key(name, seed);
    for (size_t i = 0; i < count; i++)
        images[i] = (float)bt_counter_uniform(key, i);
}

bt_status input_spheroids(float *images, uint8_t *masks, uint64_t seed, int count, int height, int width,
                          bt_error *error) {
    size_t plane = (size_t)height * (size_t)width;
    uint8_t *rgb = malloc(3 * plane);
    if (!rgb) return bt_no_memory(error, "drawing images");
    bt_status status = BT_OK;
    for (size_t i = 0; i < (size_t)count && status == BT_OK; i++) {
        uint8_t *mask = masks ? masks + i * plane : NULL;
        status = bt_spheroids_draw(seed, i, height, width, rgb, mask, error);
        if (status == BT_OK) bt_image_normalize(rgb, height, width, NULL, images + i * 3 * plane);
    }
    free(rgb);
    return status;
}
