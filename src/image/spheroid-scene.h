/* What is on a synthetic micrograph: which objects lie where, how dark they are, how the scene is lit.
 *
 * A scene is drawn from the seed alone, before any pixel is; spheroids.c then paints it row by row, so that
 * memory does not grow with the picture. Lengths are pixels; whatever is drawn scales with the shorter side,
 * but no edge is sharper than a pixel. Only spheroids.c asks for one. */
#ifndef BT_IMAGE_SPHEROID_SCENE_H
#define BT_IMAGE_SPHEROID_SCENE_H

#include <stdint.h>

#include "base/random.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SCENE_SPHEROIDS 6 /* at most, as those below */
#define BT_SCENE_DEBRIS    16
#define BT_SCENE_SHADOWS   4
#define BT_SCENE_HARMONICS 8  /* of an outline: two lobes (an ellipse, nearly) to nine */
#define BT_SCENE_GRAINS    64 /* the texture repeats after so many grains a side; a power of two */

/* A closed curve around (x, y) at the distance radius * (1 + sum over k of even cos k angle + odd sin k
 * angle). */
typedef struct bt_outline {
    float x, y, radius, reach; /* reach: the largest distance there can be */
    float even[BT_SCENE_HARMONICS], odd[BT_SCENE_HARMONICS];
} bt_outline;

typedef struct bt_spheroid {
    bt_outline body, hole;
    int has_hole;
    float edge;                 /* half width of the soft edge */
    float absorption, core;     /* light lost in the body; the share of it that only thickness takes */
    float rim, rim_width;       /* the dark rim inside the edge */
    float halo, halo_width;     /* the bright halo outside it */
    float texture, grain;       /* strength, and the coarsest grain's size */
    float texture_x, texture_y; /* where in the table it starts, so that no two look alike */
} bt_spheroid;

/* Dirt: a dot, or a rod between two ends; dark or bright, never in the mask. */
typedef struct bt_debris {
    float x, y, along_x, along_y, length, radius, edge;
    float absorption, halo;
} bt_debris;

/* Something far out of focus: a faint wide blot. */
typedef struct bt_shadow {
    float x, y, radius, absorption;
} bt_shadow;

typedef struct bt_scene {
    int height, width;
    float side;
    bt_spheroid spheroids[BT_SCENE_SPHEROIDS];
    bt_debris debris[BT_SCENE_DEBRIS];
    bt_shadow shadows[BT_SCENE_SHADOWS];
    int spheroid_count, debris_count, shadow_count;
    float light, tilt_x, tilt_y, vignette, vignette_x, vignette_y; /* the illumination */
    float mottle, mottle_size;                                     /* its unevenness */
    float gain[3], stain[3]; /* each channel's brightness, and how much of the absorption it sees */
    float photon_noise, read_noise;
    float grains[BT_SCENE_GRAINS][BT_SCENE_GRAINS]; /* in [-1, 1) */
} bt_scene;

/* Draws what is on image `index` of `seed`. */
void bt_scene_draw(bt_scene *out, uint64_t seed, uint64_t index, int height, int width);

/* The random numbers of one purpose of that image: "scene", "grains", "noise". */
bt_random bt_scene_random(uint64_t seed, uint64_t index, const char *purpose);

#ifdef __cplusplus
}
#endif
#endif
