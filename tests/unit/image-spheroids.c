/* The synthetic images: the same everywhere, each its own, and with a mask that is true of what is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "image/spheroids.h"

typedef struct picture {
    int height, width;
    uint8_t *rgb, *mask;
} picture;

static picture draw(uint64_t seed, uint64_t index, int height, int width) {
    size_t pixels = (size_t)height * (size_t)width;
    picture p = {height, width, malloc(3 * pixels), malloc(pixels)};
    bt_error error;
    assert_non_null(p.rgb);
    assert_non_null(p.mask);
    assert_int_equal(bt_spheroids_draw(seed, index, height, width, p.rgb, p.mask, &error), BT_OK);
    return p;
}

static void release(picture *p) {
    free(p->rgb);
    free(p->mask);
}

static uint64_t hash_of(const picture *p) {
    size_t pixels = (size_t)p->height * (size_t)p->width;
    return bt_fnv1a64(bt_fnv1a64(BT_FNV_START, p->rgb, 3 * pixels), p->mask, pixels);
}

/* The demo weights were trained on these very pictures: a change here means training again. */
static void pictures_are_the_same_on_every_machine(void **state) {
    uint64_t hash = BT_FNV_START;
    (void)state;
    for (uint64_t index = 0; index < 8; index++) {
        picture p = draw(1, index, 96, 128);
        uint64_t one = hash_of(&p);
        hash = bt_fnv1a64(hash, &one, sizeof(one));
        release(&p);
    }
    assert_int_equal(hash, 0x26e8452b6fbec8a1ULL);
}

static void the_mask_may_be_left_out(void **state) {
    uint8_t rgb[32 * 32 * 3];
    bt_error error;
    (void)state;
    picture p = draw(5, 0, 32, 32);
    assert_int_equal(bt_spheroids_draw(5, 0, 32, 32, rgb, NULL, &error), BT_OK);
    assert_memory_equal(rgb, p.rgb, sizeof(rgb));
    release(&p);
}

static void each_index_and_seed_is_another_picture(void **state) {
    uint64_t hashes[64];
    (void)state;
    for (int i = 0; i < 64; i++) {
        picture p = draw((uint64_t)i / 32, (uint64_t)i % 32, 64, 64);
        hashes[i] = hash_of(&p);
        release(&p);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(hashes[i], hashes[k]);
    }
}

/* Share of the picture that is spheroid, and how much darker spheroids are than the rest, in levels of
 * 255. */
static void measure(const picture *p, double *covered, double *darker) {
    double count[2] = {0, 0}, sum[2] = {0, 0};
    for (int i = 0; i < p->height * p->width; i++) {
        assert_in_range(p->mask[i], 0, 1);
        count[p->mask[i]]++;
        sum[p->mask[i]] += p->rgb[3 * i + 1];
    }
    *covered = count[1] / (count[0] + count[1]);
    *darker = count[0] > 0 && count[1] > 0 ? sum[0] / count[0] - sum[1] / count[1] : 0;
}

static void the_mask_covers_what_is_dark(void **state) {
    static const int sizes[] = {64, 128, 512};
    (void)state;
    for (size_t s = 0; s < 3; s++) {
        double total = 0;
        for (uint64_t index = 0; index < 40; index++) {
            double covered, darker;
            picture p = draw(3, index, sizes[s], sizes[s]);
            measure(&p, &covered, &darker);
            if (covered <= 0.002 || covered >= 0.8 || darker <= 15)
                fail_msg("seed 3, image %d at %d: %.3f covered, %.1f darker", (int)index, sizes[s], covered,
                         darker);
            total += covered;
            release(&p);
        }
        assert_true(total / 40 > 0.1 && total / 40 < 0.4);
    }
}

/* The same scene at two sizes: structure scales with the picture. */
static void size_changes_resolution_not_content(void **state) {
    (void)state;
    for (uint64_t index = 0; index < 10; index++) {
        double coarse, fine, ignored;
        picture small = draw(4, index, 64, 64), large = draw(4, index, 512, 512);
        measure(&small, &coarse, &ignored);
        measure(&large, &fine, &ignored);
        assert_float_equal(coarse, fine, 0.03);
        release(&small);
        release(&large);
    }
}

/* Background that no path of background joins to the border. Fills from the border, then counts the rest. */
static int enclosed_background(const picture *p) {
    int pixels = p->height * p->width, filled = 0, enclosed = 0;
    int *queue = malloc((size_t)pixels * sizeof(*queue));
    assert_non_null(queue);
    for (int i = 0; i < pixels; i++) {
        int y = i / p->width, x = i % p->width;
        if (p->mask[i] == 0 && (y == 0 || x == 0 || y == p->height - 1 || x == p->width - 1)) {
            p->mask[i] = 2;
            queue[filled++] = i;
        }
    }
    for (int next = 0; next < filled; next++) {
        const int beside[] = {queue[next] - 1, queue[next] + 1, queue[next] - p->width,
                              queue[next] + p->width};
        for (int k = 0; k < 4; k++)
            if (beside[k] >= 0 && beside[k] < pixels && p->mask[beside[k]] == 0) {
                p->mask[beside[k]] = 2;
                queue[filled++] = beside[k];
            }
    }
    for (int i = 0; i < pixels; i++)
        enclosed += p->mask[i] == 0;
    free(queue);
    return enclosed;
}

static void some_spheroids_have_holes(void **state) {
    int holed = 0;
    (void)state;
    for (uint64_t index = 0; index < 40; index++) {
        picture p = draw(3, index, 128, 128);
        holed += enclosed_background(&p) > 30;
        release(&p);
    }
    assert_in_range(holed, 4, 36);
}

static void odd_shapes_are_drawn(void **state) {
    static const int sizes[][2] = {{16, 16}, {17, 301}, {301, 17}, {1, 1}};
    (void)state;
    for (int i = 0; sizes[i][0] > 1; i++)
        for (uint64_t index = 0; index < 20; index++) {
            picture p = draw(6, index, sizes[i][0], sizes[i][1]);
            release(&p);
        }
}

static void sizes_out_of_bounds_are_refused(void **state) {
    static const int sizes[][2] = {{15, 64}, {64, 15}, {0, 0}, {-64, 64}, {16385, 64}, {64, 16385}};
    uint8_t untouched = 7;
    bt_error error;
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_int_equal(bt_spheroids_draw(1, 0, sizes[i][0], sizes[i][1], &untouched, &untouched, &error),
                         BT_INVALID);
    assert_int_equal(untouched, 7);
    assert_non_null(strstr(error.message, "16 to 16384"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_the_same_on_every_machine),
        cmocka_unit_test(the_mask_may_be_left_out),
        cmocka_unit_test(each_index_and_seed_is_another_picture),
        cmocka_unit_test(the_mask_covers_what_is_dark),
        cmocka_unit_test(size_changes_resolution_not_content),
        cmocka_unit_test(some_spheroids_have_holes),
        cmocka_unit_test(odd_shapes_are_drawn),
        cmocka_unit_test(sizes_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests_name("image-spheroids", tests, NULL, NULL);
}
