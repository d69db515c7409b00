/* Painting uses no function of libm but sqrt, which IEEE 754 rounds exactly: sin, cos and exp differ in the
 * last bit between machines, and would make different pictures of one seed. Outlines are therefore Fourier
 * sums built by multiplying, and every soft edge is a polynomial. */
#include "image/spheroids.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/spheroid-scene.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* gcc's -std=c17 never fuses a product and a sum; clang does where it can */
#endif

#define MIN_SIZE 16
#define MAX_SIZE 16384

/* Added to coordinates of the grain table, so that they are positive: whole tables, and more than any body is
 * wide. */
#define AFAR 4096.0f

/* One row on its way to the picture. */
typedef struct row {
    float *transmission, *halo, *inside; /* 1 where nothing is; 0; 0 */
} row;

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

/* The grain table at a place that need not be whole, smoothly; in [-1, 1). Both coordinates must not be
 * negative. */
static float grain_at(const bt_scene *s, float x, float y) {
    int left = (int)x, top = (int)y;
    float u = x - (float)left, v = y - (float)top;
    const float *upper = s->grains[top & (BT_SCENE_GRAINS - 1)],
                *lower = s->grains[(top + 1) & (BT_SCENE_GRAINS - 1)];
    int column = left & (BT_SCENE_GRAINS - 1), next = (left + 1) & (BT_SCENE_GRAINS - 1);
    u = u * u * (3.0f - 2.0f * u);
    v = v * v * (3.0f - 2.0f * v);
    float above = upper[column] + u * (upper[next] - upper[column]);
    float below = lower[column] + u * (lower[next] - lower[column]);
    return above + v * (below - above);
}

/* Three sizes of grain, each turned against the last so that the table's rows and columns do not show. */
static float texture_at(const bt_scene *s, const bt_spheroid *p, float dx, float dy) {
    float x = dx / p->grain + p->texture_x, y = dy / p->grain + p->texture_y;
    float coarse = grain_at(s, x + AFAR, y + AFAR);
    float middle = grain_at(s, 2.2f * (0.8f * x + 0.6f * y) + AFAR, 2.2f * (0.8f * y - 0.6f * x) + AFAR);
    float fine = grain_at(s, 4.6f * (0.6f * x + 0.8f * y) + AFAR, 4.6f * (0.6f * y - 0.8f * x) + AFAR);
    return 0.4f * coarse + 0.45f * middle + 0.4f * fine;
}

/* How far the outline is from its centre in the direction of (dx, dy), which lies `distance` away. */
static float outline_radius(const bt_outline *o, float dx, float dy, float distance) {
    float c = distance > 0.0f ? dx / distance : 1.0f, s = distance > 0.0f ? dy / distance : 0.0f;
    float even = c, odd = s, sum = 1.0f;
    for (int k = 0; k < BT_SCENE_HARMONICS; k++) {
        float turned = even * c - odd * s;
        odd = odd * c + even * s;
        even = turned;
        sum += o->even[k] * even + o->odd[k] * odd;
    }
    return o->radius * sum;
}

/* The first and one past the last column that an object around x, reaching so far, can touch. */
static void columns(const bt_scene *s, float x, float reach, int *begin, int *end) {
    float left = x - reach, right = x + reach + 1.0f;
    *begin = left > 0.0f ? (int)left : 0;
    *end = right < (float)s->width ? (int)at_least(right, 0.0f) : s->width;
}

static void paint_spheroid(const bt_scene *s, const bt_spheroid *p, int y, const row *r, uint8_t *mask) {
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

static void paint_debris(const bt_scene *s, const bt_debris *d, int y, const row *r) {
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

static void paint_shadow(const bt_scene *s, const bt_shadow *b, int y, const row *r) {
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
static float light_at(const bt_scene *s, int x, int y) {
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
static void expose_row(const bt_scene *s, int y, const row *r, bt_random *noise, uint8_t *rgb) {
    for (int x = 0; x < s->width; x++) {
        float light = light_at(s, x, y), lost = 1.0f - r->transmission[x];
        float halo = r->halo[x] * (1.0f - r->inside[x]);
        uint64_t bits = bt_random_next(noise);
        float common = bell_noise(bt_random_next(noise));
        for (int channel = 0; channel < 3; channel++) {
            float value = s->gain[channel] * (light * (1.0f - s->stain[channel] * lost) + light * halo);
            float own = (float)(int)(bits >> (21 * channel) & 0xFFFF) * (1.0f / 32768.0f) - 1.0f;
            value +=
                s->photon_noise * sqrtf(at_least(value, 0.0f)) * common + s->read_noise * 1.7320508f * own;
            rgb[3 * x + channel] = to_byte(value);
        }
    }
}

static void paint_row(const bt_scene *s, int y, const row *r, uint8_t *mask) {
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
    bt_scene *s = malloc(sizeof *s);
    float *buffer = malloc(3 * (size_t)width * sizeof *buffer);
    bt_status status = BT_OK;
    if (s == NULL || buffer == NULL) {
        status = bt_no_memory(error, "drawing an image of %d x %d", height, width);
        goto done;
    }
    row r = {.transmission = buffer, .halo = buffer + width, .inside = buffer + 2 * (size_t)width};
    bt_random noise = bt_scene_random(seed, index, "noise");
    bt_scene_draw(s, seed, index, height, width);
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
