/* bt_image_normalize against the formula, in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "image/normalize.h"

static void every_byte_of_every_channel(void **state) {
    uint8_t rgb[256 * 3];
    float planar[3 * 256];
    (void)state;
    for (int i = 0; i < 256; i++) {
        rgb[3 * i] = (uint8_t)i;
        rgb[3 * i + 1] = (uint8_t)(255 - i);
        rgb[3 * i + 2] = (uint8_t)(i ^ 0x55);
    }
    bt_image_normalize(rgb, 16, 16, NULL, planar);
    for (int channel = 0; channel < 3; channel++)
        for (int i = 0; i < 256; i++) {
            double value = rgb[3 * i + channel] / 255.0;
            double expected =
                (value - (double)bt_image_imagenet.mean[channel]) / (double)bt_image_imagenet.std[channel];
            assert_float_equal((double)planar[256 * channel + i], expected, 1e-6);
        }
}

static void rows_stay_rows(void **state) {
    uint8_t rgb[2 * 3 * 3] = {0};
    float planar[3 * 2 * 3];
    (void)state;
    rgb[(1 * 3 + 2) * 3 + 1] = 255; /* green at row 1, column 2 */
    bt_image_normalize(rgb, 2, 3, NULL, planar);
    for (int i = 0; i < 18; i++)
        assert_int_equal(planar[i] > 0.0f, i == 1 * 6 + 1 * 3 + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_every_channel),
        cmocka_unit_test(rows_stay_rows),
    };
    return cmocka_run_group_tests_name("image-normalize", tests, NULL, NULL);
}
