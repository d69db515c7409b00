/* A scene is drawn from the seed first (what lies where, how dark, how lit), then painted row by row, so that
 * memory does not grow with the picture. Painting uses no function of libm but sqrt, which IEEE 754 rounds
 * exactly: sin, cos and exp differ in the last bit between machines, and would make different pictures of one
 * seed. Outlines are therefore Fourier sums built by multiplying, and every soft edge is a polynomial.
 * Lengths are pixels; whatever is drawn scales with the shorter side, but no edge is sharper than a pixel. */
#include "image/spheroids.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT                                                                                     \
    OFF /* gcc's -std=c17 never fuses a product and a sum; clang does where the machine can */
#endif

#define MIN_SIZE      16
#define MAX_SIZE      16384
#define MAX_SPHEROIDS 6
#define MAX_DEBRIS    16
#define MAX_SHADOWS   4
#define HARMONICS     8  /* of an outline: two lobes (an ellipse, nearly) to nine */
#define GRAINS        64 /* the texture repeats after so many grains a side; a power of two */
#define AFAR          4096.0f /* whole tables away: keeps coordinates positive, and more so than any body is wide */

/* A closed curve around (x, y) at the distance radius * (1 + sum over k of even cos k angle + odd sin k
 * angle). */
typedef struct outline {
    float x, y, radius, reach; /* reach: the largest distance there can be */
    float even[HARMONICS], odd[HARMONICS];
} outline;

typedef struct spheroid {
    outline body, hole;
    int has_hole;
    float edge;                 /* half width of the soft edge */
    float absorption, core;     /* light lost in the body; the share of it that only thickness takes */
    float rim, rim_width;       /* the dark rim inside the edge */
    float halo, halo_width;     /* the bright halo outside it */
    float texture, grain;       /* strength, and the coarsest grain's size */
    float texture_x, texture_y; /* where in the table it starts, so that no two look alike */
} spheroid;

/* Dirt: a dot, or a rod between two ends; dark or bright, never in the mask. */
typedef struct debris {
    float x, y, along_x, along_y, length, radius, edge;
    float absorption, halo;
} debris;

/* Something far out of focus: a faint wide blot. */
typedef struct shadow {
    float x, y, radius, absorption;
} shadow;

typedef struct scene {
    int height, width;
    float side;
    spheroid spheroids[MAX_SPHEROIDS];
    debris debris[MAX_DEBRIS];
    shadow shadows[MAX_SHADOWS];
    int spheroid_count, debris_count, shadow_count;
    float light, tilt_x, tilt_y, vignette, vignette_x, vignette_y; /* the illumination */
    float mottle, mottle_size;                                     /* its unevenness */
    float gain[3], stain[3]; /* each channel's brightness, and how much of the absorption it sees */
    float shot_noise, read_noise;
    float grains[GRAINS][GRAINS]; /* in [-1, 1) */
} scene;

/* One row on its way to the picture. */
typedef struct row {
    float *transmission, *halo, *inside; /* 1 where nothing is; 0; 0 */
} row;

static float between(bt_random *random, double low, double high) {
    return (float)bt_random_between(random, low, high);
}

static int one_in(bt_random *random, uint64_t many) {
    return bt_random_below(random, many) == 0;
}

/* 0 below low, 1 above high, smooth between. */
static float ramp(float x, float low, float high) {
    float t = (x - low) / (high - low);
    t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
    return t * t * (3.0f - 2.0f * t);
}

/* 1 at 0, 0 from -1 and 1 on, smooth: a bell without exp. */
static float bell(float x) {
    float t = 1.0f - x * x;
    return t > 0.0f ? t * t : 0.0f;
}

static float at_least(float x, float least) {
    return x > least ? x : least;
}

/* ---- what lies where ---- */

static outline draw_outline(bt_random *random, float x, float y, float radius, float roughness) {
    outline o = {.x = x, .y = y, .radius = radius};
    float most = 1.0f;
    for (int k = 0; k < HARMONICS; k++) {
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

/* Whether a body of that radius at (x, y) keeps clear of the others, but for the one it touches (-1: none).
 */
static int has_room(const scene *s, float x, float y, float radius, int touched) {
    if (x < 0.0f || y < 0.0f || x > (float)s->width || y > (float)s->height) return 0;
    for (int i = 0; i < s->spheroid_count; i++) {
        const outline *other = &s->spheroids[i].body;
        float dx = x - other->x, dy = y - other->y, apart = sqrtf(dx * dx + dy * dy);
        if (apart < (radius + other->radius) * (i == touched ? 0.9f : 1.2f)) return 0;
    }
    return 1;
}

/* Finds a place, beside an earlier spheroid one time in three; 0 when the picture is full. */
static int find_place(const scene *s, bt_random *random, float radius, float *x, float *y) {
    for (int attempt = 0; attempt < 24; attempt++) {
        int touched = -1;
        if (s->spheroid_count > 0 && one_in(random, 3)) {
            float along_x, along_y;
            touched = (int)bt_random_below(random, (uint64_t)s->spheroid_count);
            const outline *other = &s->spheroids[touched].body;
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

static void add_spheroid(scene *s, bt_random *random) {
    float radius = s->side * between(random, 0.08, s->spheroid_count == 0 ? 0.26 : 0.2), x, y;
    if (!find_place(s, random, radius, &x, &y)) return;
    spheroid *p = &s->spheroids[s->spheroid_count++];
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
    p->texture_x = between(random, 0, GRAINS);
    p->texture_y = between(random, 0, GRAINS);
}

static void add_debris(scene *s, bt_random *random) {
    debris *d = &s->debris[s->debris_count++];
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

static void add_shadow(scene *s, bt_random *random) {
    shadow *b = &s->shadows[s->shadow_count++];
    b->x = between(random, 0, s->width);
    b->y = between(random, 0, s->height);
    b->radius = s->side * between(random, 0.05, 0.2);
    b->absorption = between(random, -0.05, 0.09);
}

static void light_scene(scene *s, bt_random *random) {
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
    s->shot_noise = between(random, 0.01, 0.03);
    s->read_noise = between(random, 0.004, 0.012);
}

static bt_random stream(uint64_t seed, uint64_t index, const char *purpose) {
    char name[64];
    snprintf(name, sizeof(name), "spheroids/%llu/%s", (unsigned long long)index, purpose);
    return bt_random_stream(seed, name);
}

static void draw_scene(scene *s, uint64_t seed, uint64_t index, int height, int width) {
    bt_random random = stream(seed, index, "scene"), grains = stream(seed, index, "grains");
    memset(s, 0, sizeof(*s));
    s->height = height;
    s->width = width;
    s->side = (float)(height < width ? height : width);
    light_scene(s, &random);
    for (uint64_t wanted = 1 + bt_random_below(&random, MAX_SPHEROIDS); wanted > 0; wanted--)
        add_spheroid(s, &random);
    for (uint64_t wanted = bt_random_below(&random, MAX_DEBRIS + 1); wanted > 0; wanted--)
        add_debris(s, &random);
    for (uint64_t wanted = bt_random_below(&random, MAX_SHADOWS + 1); wanted > 0; wanted--)
        add_shadow(s, &random);
    for (int y = 0; y < GRAINS; y++)
        for (int x = 0; x < GRAINS; x++)
            s->grains[y][x] = between(&grains, -1, 1);
}

/* ---- painting ---- */

/* The grain table at a place that need not be whole, smoothly; in [-1, 1). Both coordinates must not be
 * negative. */
static float grain_at(const scene *s, float x, float y) {
    int left = (int)x, top = (int)y;
    float u = x - (float)left, v = y - (float)top;
    const float *upper = s->grains[top & (GRAINS - 1)], *lower = s->grains[(top + 1) & (GRAINS - 1)];
    int column = left & (GRAINS - 1), next = (left + 1) & (GRAINS - 1);
    u = u * u * (3.0f - 2.0f * u);
    v = v * v * (3.0f - 2.0f * v);
    float above = upper[column] + u * (upper[next] - upper[column]);
    float below = lower[column] + u * (lower[next] - lower[column]);
    return above + v * (below - above);
}

/* Three sizes of grain, each turned against the last so that the table's rows and columns do not show. */
static float texture_at(const scene *s, const spheroid *p, float dx, float dy) {
    float x = dx / p->grain + p->texture_x, y = dy / p->grain + p->texture_y;
    float coarse = grain_at(s, x + AFAR, y + AFAR);
    float middle = grain_at(s, 2.2f * (0.8f * x + 0.6f * y) + AFAR, 2.2f * (0.8f * y - 0.6f * x) + AFAR);
    float fine = grain_at(s, 4.6f * (0.6f * x + 0.8f * y) + AFAR, 4.6f * (0.6f * y - 0.8f * x) + AFAR);
    return 0.4f * coarse + 0.45f * middle + 0.4f * fine;
}

/* How far the outline is from its centre in the direction of (dx, dy), which lies `distance` away. */
static float outline_radius(const outline *o, float dx, float dy, float distance) {
    float c = distance > 0.0f ? dx / distance : 1.0f, s = distance > 0.0f ? dy / distance : 0.0f;
    float even = c, odd = s, sum = 1.0f;
    for (int k = 0; k < HARMONICS; k++) {
        float turned = even * c - odd * s;
        odd = odd * c + even * s;
        even = turned;
        sum += o->even[k] * even + o->odd[k] * odd;
    }
    return o->radius * sum;
}

/* The first and one past the last column that an object around x, reaching so far, can touch. */
static void columns(const scene *s, float x, float reach, int *begin, int *end) {
    float left = x - reach, right = x + reach + 1.0f;
    *begin = left > 0.0f ? (int)left : 0;
    *end = right < (float)s->width ? (int)at_least(right, 0.0f) : s->width;
}

static void paint_spheroid(const scene *s, const spheroid *p, int y, const row *r, uint8_t *mask) {
    float reach = p->body.reach + 2.0f * p->halo_width, dy = (float)y - p->body.y;
    int begin, end;
    if (fabsf(dy) > reach) return;
    columns(s, p->body.x, reach, &begin, &end);
    for (int x = begin; x < end; x++) {
        float dx = (float)x - p->body.x, square = dx * dx + dy * dy;
        if (square > reach * reach) continue;
        float distance = sqrtf(square), radius = outline_radius(&p->body, dx, dy, distance);
        float depth = radius - distance; /* below the surface; negative outside */
        if (p->has_hole) {
            float hx = (float)x - p->hole.x, hy = (float)y - p->hole.y, from_hole = sqrtf(hx * hx + hy * hy);
            float outside_hole = from_hole - outline_radius(&p->hole, hx, hy, from_hole);
            depth = depth < outside_hole ? depth : outside_hole;
        }
        float inside = ramp(depth, -p->edge, p->edge);
        if (inside > 0.0f) {
            float across = distance / radius, thickness = sqrtf(at_least(1.0f - across * across, 0.0f));
            float lost = p->absorption * (1.0f - p->core + p->core * thickness);
            lost += p->rim * bell((depth - 0.8f * p->rim_width) / (1.6f * p->rim_width));
            lost += p->texture * lost * 1.6f * texture_at(s, p, dx, dy);
            r->transmission[x] *= at_least(1.0f - inside * lost, 0.05f);
            r->inside[x] = at_least(r->inside[x], inside);
        }
        r->halo[x] =
            at_least(r->halo[x], p->halo * bell((depth + 0.5f * p->halo_width) / (1.4f * p->halo_width)));
        if (mask != NULL && depth > 0.0f) mask[x] = 1;
    }
}

static void paint_debris(const scene *s, const debris *d, int y, const row *r) {
    float reach = d->length + 4.0f * (d->radius + d->edge), dy = (float)y - d->y;
    int begin, end;
    if (fabsf(dy) > reach) return;
    columns(s, d->x, reach, &begin, &end);
    for (int x = begin; x < end; x++) {
        float dx = (float)x - d->x, along = dx * d->along_x + dy * d->along_y;
        along = along < 0.0f ? 0.0f : along > d->length ? d->length : along;
        float ax = dx - along * d->along_x, ay = dy - along * d->along_y;
        float depth = d->radius - sqrtf(ax * ax + ay * ay);
        r->transmission[x] *= 1.0f - d->absorption * ramp(depth, -d->edge, d->edge);
        r->halo[x] =
            at_least(r->halo[x], d->halo * bell((depth + d->radius + d->edge) / (d->radius + d->edge)));
    }
}

static void paint_shadow(const scene *s, const shadow *b, int y, const row *r) {
    float dy = (float)y - b->y;
    int begin, end;
    if (fabsf(dy) > b->radius) return;
    columns(s, b->x, b->radius, &begin, &end);
    for (int x = begin; x < end; x++) {
        float dx = (float)x - b->x, square = (dx * dx + dy * dy) / (b->radius * b->radius);
        float t = square < 1.0f ? 1.0f - square : 0.0f;
        r->transmission[x] *= 1.0f - b->absorption * t * t;
    }
}

/* The light that reaches pixel (x, y) where nothing stands in its way. */
static float light_at(const scene *s, int x, int y) {
    float u = (float)x / (float)s->width, v = (float)y / (float)s->height;
    float du = u - s->vignette_x, dv = v - s->vignette_y;
    float even = 1.0f + s->tilt_x * (u - 0.5f) + s->tilt_y * (v - 0.5f) - s->vignette * (du * du + dv * dv);
    return s->light * even + s->mottle * grain_at(s, (float)x / s->mottle_size, (float)y / s->mottle_size);
}

static uint8_t to_byte(float value) {
    return value <= 0.0f ? 0 : value >= 1.0f ? 255 : (uint8_t)(value * 255.0f + 0.5f);
}

/* Sum of four 16-bit uniforms, centred and of variance 1: near enough to a normal for a camera, at a tenth of
 * the cost of one. */
static float bell_noise(uint64_t bits) {
    int sum =
        (int)(bits & 0xFFFF) + (int)(bits >> 16 & 0xFFFF) + (int)(bits >> 32 & 0xFFFF) + (int)(bits >> 48);
    return (float)(sum - 131070) * (1.7320508f / 65536.0f);
}

/* Light, what the row's objects leave of it, and the sensor's noise: mostly common to the channels, for it is
 * the light's own, and a little of each one's. */
static void expose_row(const scene *s, int y, const row *r, bt_random *noise, uint8_t *rgb) {
    for (int x = 0; x < s->width; x++) {
        float light = light_at(s, x, y), lost = 1.0f - r->transmission[x];
        float halo = r->halo[x] * (1.0f - r->inside[x]);
        uint64_t bits = bt_random_next(noise);
        float common = bell_noise(bt_random_next(noise));
        for (int channel = 0; channel < 3; channel++) {
            float value = s->gain[channel] * (light * (1.0f - s->stain[channel] * lost) + light * halo);
            float own = (float)(int)(bits >> (21 * channel) & 0xFFFF) * (1.0f / 32768.0f) - 1.0f;
            value += s->shot_noise * sqrtf(at_least(value, 0.0f)) * common + s->read_noise * 1.7320508f * own;
            rgb[3 * x + channel] = to_byte(value);
        }
    }
}

static void paint_row(const scene *s, int y, const row *r, uint8_t *mask) {
    for (int x = 0; x < s->width; x++)
        r->transmission[x] = 1.0f;
    memset(r->halo, 0, (size_t)s->width * sizeof(float));
    memset(r->inside, 0, (size_t)s->width * sizeof(float));
    if (mask != NULL) memset(mask, 0, (size_t)s->width);
    for (int i = 0; i < s->shadow_count; i++)
        paint_shadow(s, &s->shadows[i], y, r);
    for (int i = 0; i < s->spheroid_count; i++)
        paint_spheroid(s, &s->spheroids[i], y, r, mask);
    for (int i = 0; i < s->debris_count; i++)
        paint_debris(s, &s->debris[i], y, r);
}

bt_status bt_spheroids_draw(uint64_t seed, uint64_t index, int height, int width, uint8_t *rgb, uint8_t *mask,
                            bt_error *error) {
    if (height < MIN_SIZE || width < MIN_SIZE || height > MAX_SIZE || width > MAX_SIZE)
        return bt_fail(error, BT_INVALID, "a synthetic image is %d to %d pixels high and wide, not %d x %d",
                       MIN_SIZE, MAX_SIZE, height, width);
    scene *s = malloc(sizeof(*s));
    float *buffer = malloc(3 * (size_t)width * sizeof(*buffer));
    bt_status status = BT_OK;
    if (s == NULL || buffer == NULL) {
        status = bt_no_memory(error, "drawing an image of %d x %d", height, width);
        goto done;
    }
    row r = {.transmission = buffer, .halo = buffer + width, .inside = buffer + 2 * (size_t)width};
    bt_random noise = stream(seed, index, "noise");
    draw_scene(s, seed, index, height, width);
    for (int y = 0; y < height; y++) {
        size_t start = (size_t)y * (size_t)width;
        paint_row(s, y, &r, mask != NULL ? mask + start : NULL);
        expose_row(s, y, &r, &noise, rgb + 3 * start);
    }
done:
    free(buffer);
    free(s);
    return status;
}
