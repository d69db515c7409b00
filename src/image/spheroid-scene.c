#include "image/spheroid-scene.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* gcc's -std=c17 never fuses a product and a sum; clang does where it can */
#endif

static float between(bt_random *random, double low, double high) {
    return (float)bt_random_between(random, low, high);
}

static int one_in(bt_random *random, uint64_t many) {
    return bt_random_below(random, many) == 0;
}

static float at_least(float x, float least) {
    return x > least ? x : least;
}

static bt_outline draw_outline(bt_random *random, float x, float y, float radius, float roughness) {
    bt_outline o = {.x = x, .y = y, .radius = radius};
    float most = 1.0f;
    for (int k = 0; k < BT_SCENE_HARMONICS; k++) {
        float strength = roughness / (float)(1 + k);
        o.even[k] = strength * between(random, -1, 1);
        o.odd[k] = strength * between(random, -1, 1);
        most += fabsf(o.even[k]) + fabsf(o.odd[k]);
    }
    o.reach = radius * most;
    return o;
}

/* A point on the unit circle, evenly spread, without sin and cos. */
static void draw_direction(bt_random *random, float *x, float *y) {
    float square;
    do {
        *x = between(random, -1, 1);
        *y = between(random, -1, 1);
        square = *x * *x + *y * *y;
    } while (square > 1.0f || square < 0.01f);
    *x /= sqrtf(square);
    *y /= sqrtf(square);
}

/* Whether a body of that radius at (x, y) keeps clear of the others, but for one it touches (-1: none). */
static int has_room(const bt_scene *s, float x, float y, float radius, int touched) {
    if (x < 0.0f || y < 0.0f || x > (float)s->width || y > (float)s->height) return 0;
    for (int i = 0; i < s->spheroid_count; i++) {
        const bt_outline *other = &s->spheroids[i].body;
        float dx = x - other->x, dy = y - other->y, apart = sqrtf(dx * dx + dy * dy);
        if (apart < (radius + other->radius) * (i == touched ? 0.9f : 1.2f)) return 0;
    }
    return 1;
}

/* Finds a place, beside an earlier spheroid one time in three; 0 when the picture is full. */
static int find_place(const bt_scene *s, bt_random *random, float radius, float *x, float *y) {
    for (int attempt = 0; attempt < 24; attempt++) {
        int touched = -1;
        if (s->spheroid_count > 0 && one_in(random, 3)) {
            float along_x, along_y;
            touched = (int)bt_random_below(random, (uint64_t)s->spheroid_count);
            const bt_outline *other = &s->spheroids[touched].body;
            float apart = (radius + other->radius) * between(random, 0.92, 1.04);
            draw_direction(random, &along_x, &along_y);
            *x = other->x + along_x * apart;
            *y = other->y + along_y * apart;
        } else {
            *x = between(random, 0, s->width);
            *y = between(random, 0, s->height);
        }
        if (has_room(s, *x, *y, radius, touched)) return 1;
    }
    return 0;
}

static void add_spheroid(bt_scene *s, bt_random *random) {
    float radius = s->side * between(random, 0.08, s->spheroid_count == 0 ? 0.26 : 0.2), x, y;
    if (!find_place(s, random, radius, &x, &y)) return;
    bt_spheroid *p = &s->spheroids[s->spheroid_count++];
    p->body = draw_outline(random, x, y, radius, one_in(random, 3) ? 0.11f : 0.065f);
    p->has_hole = radius > 0.14f * s->side && one_in(random, 3);
    if (p->has_hole) {
        float away = radius * between(random, 0.0, 0.25), along_x, along_y;
        draw_direction(random, &along_x, &along_y);
        p->hole = draw_outline(random, x + away * along_x, y + away * along_y,
                               radius * between(random, 0.28, 0.45), 0.07f);
    }
    p->edge = at_least(s->side * between(random, 0.002, 0.005), 0.7f);
    p->absorption = between(random, 0.34, 0.68);
    p->core = between(random, 0.4, 0.75);
    p->rim = between(random, 0.14, 0.34);
    p->rim_width = at_least(radius * between(random, 0.07, 0.13), 1.2f);
    p->halo = between(random, 0.06, 0.2);
    p->halo_width = at_least(radius * between(random, 0.12, 0.26), 1.6f);
    p->texture = between(random, 0.2, 0.45);
    p->grain = at_least(radius * between(random, 0.12, 0.22), 1.5f);
    p->texture_x = between(random, 0, BT_SCENE_GRAINS);
    p->texture_y = between(random, 0, BT_SCENE_GRAINS);
}

static void add_debris(bt_scene *s, bt_random *random) {
    bt_debris *d = &s->debris[s->debris_count++];
    int bright = one_in(random, 4);
    d->x = between(random, 0, s->width);
    d->y = between(random, 0, s->height);
    draw_direction(random, &d->along_x, &d->along_y);
    d->length = one_in(random, 3) ? s->side * between(random, 0.01, 0.06) : 0.0f;
    d->radius = at_least(s->side * between(random, 0.003, d->length > 0.0f ? 0.005 : 0.014), 0.6f);
    d->edge = at_least(0.4f * d->radius, 0.6f);
    d->absorption = bright ? between(random, -0.25, -0.1) : between(random, 0.2, 0.6);
    d->halo = bright ? 0.0f : between(random, 0.0, 0.15);
}

static void add_shadow(bt_scene *s, bt_random *random) {
    bt_shadow *b = &s->shadows[s->shadow_count++];
    b->x = between(random, 0, s->width);
    b->y = between(random, 0, s->height);
    b->radius = s->side * between(random, 0.05, 0.2);
    b->absorption = between(random, -0.05, 0.09);
}

static void light_scene(bt_scene *s, bt_random *random) {
    s->light = between(random, 0.6, 0.78);
    s->tilt_x = between(random, -0.12, 0.12);
    s->tilt_y = between(random, -0.12, 0.12);
    s->vignette = between(random, 0.05, 0.3);
    s->vignette_x = between(random, 0.35, 0.65);
    s->vignette_y = between(random, 0.35, 0.65);
    s->mottle = between(random, 0.005, 0.02);
    s->mottle_size = s->side * between(random, 0.06, 0.15);
    for (int channel = 0; channel < 3; channel++) {
        s->gain[channel] = between(random, 0.975, 1.02);
        s->stain[channel] = between(random, 0.94, 1.04);
    }
    s->photon_noise = between(random, 0.01, 0.03);
    s->read_noise = between(random, 0.004, 0.012);
}

bt_random bt_scene_random(uint64_t seed, uint64_t index, const char *purpose) {
    char name[64];
    snprintf(name, sizeof name, "spheroids/%llu/%s", (unsigned long long)index, purpose);
    return bt_random_stream(seed, name);
}

void bt_scene_draw(bt_scene *s, uint64_t seed, uint64_t index, int height, int width) {
    bt_random random = bt_scene_random(seed, index, "scene"), grains = bt_scene_random(seed, index, "grains");
    memset(s, 0, sizeof *s);
    s->height = height;
    s->width = width;
    s->side = (float)(height < width ? height : width);
    light_scene(s, &random);
    for (uint64_t wanted = 1 + bt_random_below(&random, BT_SCENE_SPHEROIDS); wanted > 0; wanted--)
        add_spheroid(s, &random);
    for (uint64_t wanted = bt_random_below(&random, BT_SCENE_DEBRIS + 1); wanted > 0; wanted--)
        add_debris(s, &random);
    for (uint64_t wanted = bt_random_below(&random, BT_SCENE_SHADOWS + 1); wanted > 0; wanted--)
        add_shadow(s, &random);
    for (int y = 0; y < BT_SCENE_GRAINS; y++)
        for (int x = 0; x < BT_SCENE_GRAINS; x++)
            s->grains[y][x] = between(&grains, -1, 1);
}
