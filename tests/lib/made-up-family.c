#include "made-up-family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "settings/precision.h"

#define SIZES BT_SEARCH_MAX_BATCH

static const bt_precision precisions[FAMILY_PRECISIONS] = {BT_PRECISION_FP32, BT_PRECISION_BF16,
                                                           BT_PRECISION_INT8};

/* ---- drawing ---- */

static double draw_ratio(bt_random *random, double low, double high) {
    return exp(bt_random_between(random, log(low), log(high)));
}

static bool draw_chance(bt_random *random, double share) {
    return bt_random_uniform(random) < share;
}

/* What one precision takes on one division. */
typedef struct curve {
    double tau0_ms, alpha_ms;
    int step;               /* of a staircase; where a kink or a plateau ends */
    double bend;            /* the slope's factor behind a kink */
    int slow_from, slow_to; /* sizes of a slow algorithm, */
    int even;               /* and, if not 0, all that are no multiple of it, */
    double slower;          /* take so many times as long */
} curve;

static double curve_ms(family_kind kind, const curve *c, int b) {
    double images = b;
    if (kind == FAMILY_STAIRS) images = c->step * ceil(images / c->step);
    if (kind == FAMILY_KINKS && b > c->step) images = c->step + c->bend * (b - c->step);
    if (kind == FAMILY_PLATEAUS) images = fmax(b, c->step);
    const bool slow = kind == FAMILY_UNEVEN &&
                      ((b >= c->slow_from && b <= c->slow_to) || (c->even > 0 && b > c->even && b % c->even));
    return (c->tau0_ms + c->alpha_ms * images) * (slow ? c->slower : 1);
}

static curve draw_curve(bt_random *random) {
    curve c = {.alpha_ms = draw_ratio(random, 1, 20)};
    c.tau0_ms = c.alpha_ms * draw_ratio(random, 0.1, 30);
    c.step = 2 + (int)bt_random_below(random, 15);
    c.bend =
        draw_chance(random, 0.5) ? bt_random_between(random, 1.3, 2.5) : bt_random_between(random, 0.4, 0.8);
    c.slow_from = 2 + (int)bt_random_below(random, 3);
    c.slow_to = c.slow_from * (draw_chance(random, 0.5) ? 2 : 3) - 1;
    if (draw_chance(random, 0.3)) {
        c.slow_from = c.slow_to = 0;
        c.even = 4 << bt_random_below(random, 2);
    }
    c.slower = bt_random_between(random, 1.1, 2);
    return c;
}

/* Another precision of the same model: its sizes' edges lie elsewhere, and its ratio changes with the size. */
static curve draw_precision(bt_random *random, family_kind kind, const curve *exact) {
    curve c = *exact;
    c.tau0_ms *= draw_ratio(random, 0.6, 1.4);
    c.alpha_ms *= draw_ratio(random, 0.35, 1.3);
    if (kind == FAMILY_CROSSING) { /* 1.1 to 1.6 of the time at one image, half of it or so at many */
        const double one_ms = exact->tau0_ms + exact->alpha_ms;
        c.alpha_ms = exact->alpha_ms * draw_ratio(random, 0.35, 0.7);
        c.tau0_ms = one_ms * bt_random_between(random, 1.1, 1.6) - c.alpha_ms;
    }
    if (draw_chance(random, 0.5)) /* other tiles; a device that is no sooner full */
        c.step = kind == FAMILY_PLATEAUS ? (int)(c.step * bt_random_between(random, 1, 1.6))
                                         : 2 + (int)bt_random_below(random, 15);
    return c;
}

/* The cores among `instances`: what is computed takes as many times as long, give or take what many threads cost, and
 * what is launched does not. */
static curve divide(const curve *whole, int instances, double gain, double launch) {
    curve c = *whole;
    c.alpha_ms *= instances == 1 ? 1 : instances * pow(gain, log2(instances));
    c.tau0_ms *= instances == 1 ? 1 : pow(launch, log2(instances));
    return c;
}

static void draw_divisions(family *f, bt_random *random) {
    const bool shared = draw_chance(random, 0.5); /* a CPU */
    f->division_count = shared ? 2 + (int)bt_random_below(random, 3) : 1;
    for (int d = 0; d < f->division_count; d++)
        f->divisions[d] = (bt_division){.instances = 1 << d,
                                        .threads = shared ? 16 >> d : 0,
                                        .median_ms = NAN,
                                        .throughput_imgs_per_sec = NAN};
}

static void draw_machine(family *f, bt_random *random, uint64_t seed) {
    f->usual = (machine){.noise = bt_random_between(random, 0.01, 0.05),
                         .warm_up_runs = 5,
                         .memory_mb = 100,
                         .memory_per_image_mb = 10,
                         .random = bt_random_stream(seed, "family noise")};
    if (f->kind != FAMILY_SPELLS) return;
    f->usual.calm_runs = 20 + (int)bt_random_below(random, 100);
    f->usual.spell_runs = 5 + (int)bt_random_below(random, 20);
    f->usual.spell_slow = bt_random_between(random, 1.1, 1.5);
}

static void draw_walls(family *f, bt_random *random) {
    for (int p = 0; p < f->precision_count; p++) {
        const double larger =
            p > 0 && draw_chance(random, 0.7) ? f->out_of_memory_at[0] * 1.8 : draw_ratio(random, 12, 100);
        f->out_of_memory_at[p] = (int)larger;
    }
}

void family_draw(family *f, family_kind kind, uint64_t seed) {
    bt_random random = bt_random_stream(seed, "family");
    *f = (family){.kind = kind};
    snprintf(f->name, sizeof f->name, "seed %llu", (unsigned long long)seed);
    draw_machine(f, &random, seed);
    draw_divisions(f, &random);
    f->precision_count = f->division_count > 1 && draw_chance(&random, 0.5) ? 3 : 2;
    const curve exact = draw_curve(&random);
    const double gain = bt_random_between(&random, 0.75, 1.15), launch = bt_random_between(&random, 1, 1.6);
    for (int p = 0; p < f->precision_count; p++) {
        const curve whole = p == 0 ? exact : draw_precision(&random, kind, &exact);
        for (int d = 0; d < f->division_count; d++) {
            const curve c = divide(&whole, f->divisions[d].instances, gain, launch);
            for (int b = 1; b <= SIZES; b++)
                f->service_ms[p][d][b] = curve_ms(kind, &c, b);
        }
    }
    f->usual.open_s = bt_random_between(&random, 5, 20) * f->service_ms[0][0][1] / 1e3;
    if (kind == FAMILY_WALLS) draw_walls(f, &random);
    const double largest = draw_ratio(&random, 16, 128); /* about the last size that is in time */
    f->p95_sla_ms = 1.1 * (exact.tau0_ms + exact.alpha_ms * largest);
}

/* ---- recorded ---- */

#define RECORDED_SIZES 6

typedef struct recorded {
    const char *name;
    int sizes[RECORDED_SIZES];                                  /* 0: no more */
    double first_ms[RECORDED_SIZES], second_ms[RECORDED_SIZES]; /* of two precisions, or of one */
} recorded;

/* NVIDIA's are facts of its DeepLearningExamples, of the README.md in TensorFlow2/Segmentation/UNet_Medical and
 * PyTorch/Segmentation/nnUNet; the others are this project's, of its networks on 1024 x 1024 images. */
static const recorded of_devices[] = {
    {"U-Net, A100, TF32 and FP16",
     {1, 2, 4, 8, 16},
     {9.317, 17.294, 31.676, 57.742, 112.545},
     {3.534, 10.603, 19.572, 19.386, 37.760}},
    {"U-Net, V100, FP32 and FP16",
     {1, 2, 4, 8, 16},
     {19.336, 37.112, 73.033, 144.829, 234.995},
     {6.843, 13.230, 26.035, 43.602, 85.743}},
    {"nnU-Net 3D, A100, TF32 and FP16", {1, 2, 4}, {99.55, 122.78, 250.16}, {91.52, 106.08, 145.98}},
    {"HRNet, H100, standard and plain FP16", {1, 4}, {51.299, 150.825}, {58.235, 72.160}},
    {"HRNet, H100, autocast and halves", {1, 4, 8}, {56.160, 94.680, 217.303}, {78.922, 96.904, 256.235}},
    {"HRNet, H100, production", {1, 2, 3, 4, 8}, {22.667, 35.110, 49.275, 60.113, 119.395}, {0}},
    {"CBAM-ResUNet, H100, production",
     {1, 2, 3, 4, 6, 8},
     {25.979, 39.306, 49.699, 64.243, 92.867, 121.047},
     {0}},
    {"HRNet, CPU, BF16", {1, 2, 4, 8, 16}, {26.325, 46.078, 89.421, 170.630, 344.781}, {0}},
    {"CBAM-ResUNet, CPU, BF16", {1, 2, 4, 8}, {53.371, 102.343, 202.578, 403.586}, {0}},
};

static double between(const recorded *r, const double *ms, int b) {
    int i = 0;
    while (i + 2 < RECORDED_SIZES && r->sizes[i + 2] > 0 && r->sizes[i + 1] < b)
        i++;
    const double share = (double)(b - r->sizes[i]) / (r->sizes[i + 1] - r->sizes[i]);
    return ms[i] + share * (ms[i + 1] - ms[i]);
}

bool family_recorded(family *f, int index) {
    if (index >= (int)(sizeof of_devices / sizeof *of_devices)) return false;
    const recorded *r = &of_devices[index];
    bt_random random = bt_random_stream((uint64_t)index, "recorded family");
    *f = (family){.kind = FAMILY_RECORDED, .division_count = 1};
    snprintf(f->name, sizeof f->name, "%s", r->name);
    f->divisions[0] = (bt_division){.instances = 1, .median_ms = NAN, .throughput_imgs_per_sec = NAN};
    draw_machine(f, &random, (uint64_t)index);
    f->precision_count = r->second_ms[0] > 0 ? 2 : 1;
    int last = 0;
    for (int i = 0; i < RECORDED_SIZES; i++)
        if (r->sizes[i] > 0) last = i;
    for (int p = 0; p < f->precision_count; p++) {
        const double *ms = p == 0 ? r->first_ms : r->second_ms;
        for (int b = 1; b <= SIZES; b++)
            f->service_ms[p][0][b] = between(r, ms, b);
        f->out_of_memory_at[p] = r->sizes[last] + 1;
        f->p95_sla_ms = fmax(f->p95_sla_ms, 2 * ms[last]);
    }
    f->usual.open_s = bt_random_between(&random, 5, 20) * f->service_ms[0][0][1] / 1e3;
    return true;
}

/* ---- running ---- */

static int precision_of(const bt_contender *c) {
    for (int p = 0; p < FAMILY_PRECISIONS; p++)
        if (strcmp(c->precision, bt_precision_name(precisions[p])) == 0) return p;
    return 0;
}

static int division_of(const family *f, const bt_contender *c) {
    for (int d = 0; d < f->division_count; d++)
        if (f->divisions[d].instances == c->instances) return d;
    return 0;
}

double family_service_ms(const family *f, const bt_contender *c, int batch_size) {
    const int p = precision_of(c), wall = f->out_of_memory_at[p];
    if (wall > 0 && batch_size >= wall) return INFINITY;
    return f->service_ms[p][division_of(f, c)][batch_size];
}

family_way family_way_of(const family *f, const bt_contender *c) {
    family_way way = {.machine = f->usual, .instances = c->instances};
    const int p = precision_of(c), d = division_of(f, c);
    char stream[32];
    snprintf(stream, sizeof stream, "way %d %d", p, d);
    way.machine.random = bt_random_stream((uint64_t)(1e6 * f->p95_sla_ms), stream);
    way.machine.table_ms = f->service_ms[p][d];
    way.machine.out_of_memory_at = f->out_of_memory_at[p];
    return way;
}

bt_step_result family_answer(family_way *way, const bt_step *step) {
    const double open_s = way->opened ? 0 : way->machine.open_s;
    double warm_up_s = 0;
    way->opened = true;
    if (step->kind == BT_STEP_MEASURE && !way->prepared[step->batch_size]) {
        const bt_step warm_up = {BT_STEP_MEASURE, step->batch_size, way->machine.warm_up_runs};
        warm_up_s = machine_answer(&way->machine, &warm_up).elapsed_s;
    }
    way->prepared[step->batch_size] = true;
    bt_step_result result = machine_answer(&way->machine, step);
    if (result.status != BT_OK) { /* another process has to begin anew */
        way->opened = false;
        memset(way->prepared, 0, sizeof way->prepared);
    }
    result.elapsed_s = open_s + (warm_up_s + result.elapsed_s) / way->instances;
    return result;
}

static double late(double service_ms, double noise, double limit_ms) {
    return service_ms > limit_ms ? 1 : erfc((limit_ms / service_ms - 1) / noise / sqrt(2));
}

double family_late_fraction(const family *f, double service_ms) {
    const machine *m = &f->usual;
    const int round = m->calm_runs + m->spell_runs;
    const double calm = late(service_ms, m->noise, f->p95_sla_ms);
    if (round == 0) return calm;
    const double spell = late(service_ms * m->spell_slow, m->noise, f->p95_sla_ms);
    return (m->calm_runs * calm + m->spell_runs * spell) / round;
}
