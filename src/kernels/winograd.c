#include "kernels/winograd.h"

#include <math.h>
#include <string.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

/* ---- the transforms as matrices: rows of B', A' and G ---- */

#define EDGE_MOST 6                      /* of a tile */
#define SIDE_MOST 4                      /* of what it gives */
#define NEAR      0.70710678118654752440 /* sqrt(1/2), a point that is interpolated at */
#define FAR       1.41421356237309504880 /* sqrt(2), likewise */

typedef struct scheme {
    int side, edge;
    double tile[EDGE_MOST][EDGE_MOST], pixel[SIDE_MOST][EDGE_MOST], weight[EDGE_MOST][3];
} scheme;

static const scheme narrow = {
    .side = 2,
    .edge = 4,
    .tile = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}},
    .pixel = {{1, 1, 1, 0}, {0, 1, -1, -1}},
    .weight = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
};

/* With m(x) = x (x^2 - 1/2) (x^2 - 2): B' has the coefficients of m(x) / (x - p) for each point p and of m(x) for
 * infinity, A' the powers of p, and G those over the derivative m'(p). */
static const scheme wide = {
    .side = 4,
    .edge = 6,
    .tile = {{1, 0, -2.5, 0, 1, 0},
             {0, -FAR, -2, NEAR, 1, 0},
             {0, FAR, -2, -NEAR, 1, 0},
             {0, -NEAR, -.5, FAR, 1, 0},
             {0, NEAR, -.5, -FAR, 1, 0},
             {0, 1, 0, -2.5, 0, 1}},
    .pixel = {{1, 1, 1, 1, 1, 0},
              {0, NEAR, -NEAR, FAR, -FAR, 0},
              {0, .5, .5, 2, 2, 0},
              {0, .5 * NEAR, -.5 * NEAR, 2 * FAR, -2 * FAR, 1}},
    .weight = {{1, 0, 0},
               {-2. / 3, -2. / 3 * NEAR, -1. / 3},
               {-2. / 3, 2. / 3 * NEAR, -1. / 3},
               {1. / 6, 1. / 6 * FAR, 1. / 3},
               {1. / 6, -1. / 6 * FAR, 1. / 3},
               {0, 0, 1}},
};

static const scheme *scheme_of(int side) {
    return side == wide.side ? &wide : &narrow;
}

int bt_winograd_places(int side) {
    return scheme_of(side)->edge * scheme_of(side)->edge;
}

/* ---- tiles ---- */

/* Where a tile stands: its image, and the upper left of its pixels of the output. */
typedef struct spot {
    int64_t image;
    int row, column;
} spot;

static int tiles_along(const bt_winograd *w, int size) {
    return (size + w->side - 1) / w->side;
}

static spot spot_of(const bt_winograd *w, int64_t tile) {
    const int64_t across = tiles_along(w, w->width), of_image = across * tiles_along(w, w->height),
                  place = tile % of_image;
    return (spot){tile / of_image, w->side * (int)(place / across), w->side * (int)(place % across)};
}

/* Of pixel (row, column) of an image among all pixels; -1 beyond the edge. */
static int64_t pixel_at(const bt_winograd *w, int64_t image, int row, int column) {
    if (row < 0 || row >= w->height || column < 0 || column >= w->width) return -1;
    return (image * w->height + row) * w->width + column;
}

int64_t bt_winograd_tiles(const bt_winograd *w) {
    return (int64_t)w->batch * tiles_along(w, w->height) * tiles_along(w, w->width);
}

/* How many tiles the group that begins with `first` has. */
static int64_t tiles_from(const bt_winograd *w, int64_t first) {
    const int64_t left = bt_winograd_tiles(w) - first;
    return left < w->group ? left : w->group;
}

static size_t pixel_bytes(const bt_winograd *w) {
    return (size_t)w->channels * bt_value_bytes(w->type);
}

size_t bt_winograd_lay_out(bt_winograd *w, void *room) {
    const size_t rows = (size_t)bt_winograd_places(w->side) * (size_t)w->pitch,
                 tiles = bt_rounded(rows * pixel_bytes(w)),
                 products = bt_rounded(rows * (size_t)w->out_channels * sizeof(float));
    if (room) {
        w->tiles = room;
        w->products = (float *)(void *)((char *)room + tiles);
        w->zeros = (char *)room + tiles + products;
    }
    return tiles + products + bt_rounded(pixel_bytes(w));
}

/* A group's tiles: those of one call. */
typedef struct group {
    const bt_winograd *w;
    int64_t first;
} group;

static void read_tiles(const bt_share *share) {
    const group *g = share->kernel;
    const bt_winograd *w = g->w;
    const int edge = w->side + 2;
    const void *pixels[BT_WINOGRAD_PLACES_MOST];
    for (int64_t tile = share->from; tile < share->to; tile++) {
        const spot at = spot_of(w, g->first + tile);
        for (int i = 0; i < edge * edge; i++) {
            int64_t pixel = pixel_at(w, at.image, at.row - 1 + i / edge, at.column - 1 + i % edge);
            pixels[i] = pixel < 0 ? w->zeros : (const char *)w->x + (size_t)pixel * pixel_bytes(w);
        }
        (w->side == wide.side ? share->loops->wide_tile_in : share->loops->tile_in)(
            (char *)w->tiles + (size_t)tile * pixel_bytes(w), (size_t)w->pitch * (size_t)w->channels, pixels,
            w->channels);
    }
}

static void write_tiles(const bt_share *share) {
    const group *g = share->kernel;
    const bt_winograd *w = g->w;
    const size_t channels = (size_t)w->out_channels, bytes = channels * bt_value_bytes(w->type);
    void *pixels[SIDE_MOST * SIDE_MOST];
    for (int64_t tile = share->from; tile < share->to; tile++) {
        const spot at = spot_of(w, g->first + tile);
        for (int i = 0; i < w->side * w->side; i++) {
            int64_t pixel = pixel_at(w, at.image, at.row + i / w->side, at.column + i % w->side);
            pixels[i] = pixel < 0 ? NULL : (char *)w->out + (size_t)pixel * bytes;
        }
        (w->side == wide.side ? share->loops->wide_tile_out : share->loops->tile_out)(
            pixels, w->products + (size_t)tile * channels, (size_t)w->pitch * channels, w->bias,
            w->out_channels, w->adds, w->relu);
    }
}

static void share_tiles(const bt_winograd *w, int64_t first, int channels,
                        void (*work)(const bt_share *share), bt_cpu_level level) {
    const group g = {w, first};
    const int64_t tiles = tiles_from(w, first);
    const bt_share all = {.kernel = &g, .loops = bt_loops_of(level, w->type), .to = tiles};
    bt_share_out(work, &all,
                 bt_threads_for(bt_winograd_places(w->side) * tiles * channels, tiles, w->threads));
}

void bt_winograd_read(const bt_winograd *w, int64_t first, bt_cpu_level level) {
    memset(w->zeros, 0, pixel_bytes(w));
    share_tiles(w, first, w->channels, read_tiles, level);
}

void bt_winograd_write(const bt_winograd *w, int64_t first, bt_cpu_level level) {
    share_tiles(w, first, w->out_channels, write_tiles, level);
}

/* ---- weights ---- */

/* G by a column. */
static inline void by_weight_matrix(const scheme *s, double a, double b, double c, double *out) {
    for (int i = 0; i < s->edge; i++)
        out[i] = s->weight[i][0] * a + s->weight[i][1] * b + s->weight[i][2] * c;
}

void bt_winograd_weights(float *matrices, const float *weights, int out_channels, int channels, int side,
                         int threads) {
    const scheme *s = scheme_of(side);
    const size_t plane = (size_t)channels * (size_t)out_channels;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int c = 0; c < channels; c++)
        for (int o = 0; o < out_channels; o++) {
            const float *g = weights + ((size_t)o * (size_t)channels + (size_t)c) * 9;
            float *to = matrices + (size_t)c * (size_t)out_channels + (size_t)o;
            double columns[3][EDGE_MOST], row[EDGE_MOST];
            for (int i = 0; i < 3; i++)
                by_weight_matrix(s, (double)g[i], (double)g[3 + i], (double)g[6 + i], columns[i]);
            for (int i = 0; i < s->edge; i++) {
                by_weight_matrix(s, columns[0][i], columns[1][i], columns[2][i], row);
                for (int k = 0; k < s->edge; k++)
                    to[(size_t)(s->edge * i + k) * plane] = (float)row[k];
            }
        }
}

/* ---- references ---- */

static double input_value(const bt_winograd *w, const spot *at, int row, int column, int channel) {
    int64_t pixel = pixel_at(w, at->image, at->row - 1 + row, at->column - 1 + column);
    if (pixel < 0) return 0;
    return (double)bt_element(w->x, w->type, (size_t)(pixel * w->channels + channel));
}

void bt_winograd_read_reference(const bt_winograd *w, int64_t first, double *tiles) {
    const scheme *s = scheme_of(w->side);
    const int edge = s->edge, places = edge * edge;
    for (int64_t tile = 0; tile < tiles_from(w, first); tile++) {
        const spot at = spot_of(w, first + tile);
        for (int c = 0; c < w->channels; c++)
            for (int i = 0; i < places; i++) {
                double sum = 0;
                for (int k = 0; k < places; k++)
                    sum += s->tile[i / edge][k / edge] * s->tile[i % edge][k % edge] *
                           input_value(w, &at, k / edge, k % edge, c);
                tiles[((int64_t)i * w->pitch + tile) * w->channels + c] = sum;
            }
    }
}

void bt_winograd_write_reference(const bt_winograd *w, int64_t first, double *out) {
    const scheme *s = scheme_of(w->side);
    const int edge = s->edge;
    for (int64_t tile = 0; tile < tiles_from(w, first); tile++) {
        const spot at = spot_of(w, first + tile);
        for (int o = 0; o < w->out_channels; o++)
            for (int i = 0; i < s->side * s->side; i++) {
                int64_t pixel = pixel_at(w, at.image, at.row + i / s->side, at.column + i % s->side);
                double sum = w->bias ? (double)w->bias[o] : 0;
                for (int k = 0; k < edge * edge; k++)
                    sum += s->pixel[i / s->side][k / edge] * s->pixel[i % s->side][k % edge] *
                           (double)w->products[((int64_t)k * w->pitch + tile) * w->out_channels + o];
                if (pixel < 0) continue;
                const int64_t place = pixel * w->out_channels + o;
                if (w->adds) sum += (double)bt_element(w->out, w->type, (size_t)place);
                out[place] = w->relu ? fmax(sum, 0) : sum;
            }
    }
}

/* ---- made-up cases ---- */

/* A made-up convolution and the first tile of its last group, or of all. */
static bt_winograd some_winograd(bt_trial *t, int64_t *first) {
    bt_winograd w = {.batch = 1 + bt_trial_below(t, 3),
                     .height = 1 + bt_trial_below(t, 11),
                     .width = 1 + bt_trial_below(t, 11),
                     .channels = bt_trial_channels(t),
                     .out_channels = bt_trial_channels(t),
                     .side = t->given->type == BT_F32 && bt_trial_below(t, 2) ? 4 : 2,
                     .type = t->given->type,
                     .threads = t->given->threads};
    const int tiles = (int)bt_winograd_tiles(&w);
    w.group = bt_trial_below(t, 2) ? tiles : 1 + bt_trial_below(t, tiles);
    w.pitch = w.group + bt_trial_below(t, 3);
    *first = (tiles - 1) / w.group * w.group;
    bt_winograd_lay_out(&w, bt_trial_scratch(t, bt_winograd_lay_out(&w, NULL)));
    w.x = bt_trial_activations(t, (size_t)(w.batch * w.height * w.width * w.channels));
    w.out = bt_trial_activations(t, (size_t)(w.batch * w.height * w.width * w.out_channels));
    if (bt_trial_below(t, 2)) w.bias = bt_trial_numbers(t, (size_t)w.out_channels);
    w.adds = bt_trial_below(t, 2);
    w.relu = bt_trial_below(t, 2);
    bt_trial_name(t, "%d x %d x %d, %d channels to %d, side %d, groups of %d%s%s", w.batch, w.height, w.width,
                  w.channels, w.out_channels, w.side, w.group, w.adds ? ", added" : "",
                  w.relu ? ", ReLU" : "");
    return w;
}

void bt_try_winograd_read(bt_trial *t) {
    int64_t first;
    const bt_winograd w = some_winograd(t, &first);
    const size_t rows = (size_t)(bt_winograd_places(w.side) * w.pitch), channels = (size_t)w.channels;
    double *wanted = bt_trial_wanted(t, rows * channels);
    if (t->no_memory) return;
    for (size_t i = 0; i < rows * channels; i++) {
        wanted[i] = 1; /* between places, and of tiles past the last */
        bt_element_put(w.tiles, w.type, i, 1);
    }
    bt_winograd_read_reference(&w, first, wanted);
    bt_winograd_read(&w, first, t->level);
    bt_trial_compare(t, w.tiles, w.type, channels, w.channels, rows, wanted);
}

void bt_try_winograd_write(bt_trial *t) {
    int64_t first;
    const bt_winograd w = some_winograd(t, &first);
    const size_t pixels = (size_t)(w.batch * w.height * w.width), channels = (size_t)w.out_channels;
    double *wanted = bt_trial_wanted(t, pixels * channels);
    if (t->no_memory) return;
    for (size_t i = 0; i < pixels * channels; i++)
        wanted[i] = (double)bt_element(w.out, w.type, i); /* of other groups */
    for (size_t i = 0; i < (size_t)(bt_winograd_places(w.side) * w.pitch) * channels; i++)
        w.products[i] = (float)bt_random_normal(&t->random);
    bt_winograd_write_reference(&w, first, wanted);
    bt_winograd_write(&w, first, t->level);
    bt_trial_compare(t, w.out, w.type, channels, w.out_channels, pixels, wanted);
}
