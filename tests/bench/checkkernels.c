/* checkkernels: every kernel against its reference in double, then against the memory it moves.
 *
 * The first half is the unit test's, with as many seeds as one likes: it ends with 1 where a kernel is off.
 * The second times each kernel in the shapes that the networks have, in turns with a copy of its tensor: what
 * a copy of the same size reaches is the bandwidth that the kernel could have. It prints figures and judges
 * none. Traffic counts every reading and writing of the tensor; a norm reads it twice, which counts as once
 * where the tensor fits into the caches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/cores.h"
#include "base/error.h"
#include "kernels/attention.h"
#include "kernels/check.h"
#include "kernels/dot.h"
#include "kernels/element.h"
#include "kernels/norm.h"
#include "kernels/parallel.h"
#include "kernels/pool.h"
#include "kernels/rearrange.h"
#include "kernels/scale.h"
#include "kernels/sum.h"
#include "kernels/winograd.h"
#include "measure/quantile.h"
#include "report/table.h"

#define ROUND_NS      (10 * BT_NS_PER_MS)
#define BEYOND_CACHES (128 << 20) /* bytes */

typedef struct settings {
    int64_t seeds, rounds, threads;
    bool quiet;
} settings;

#define OPTION(field_) .name = #field_, .scope = BT_SCOPE_COMMAND, .offset = offsetof(settings, field_)

static const bt_option table[] = {
    {OPTION(seeds), .type = BT_OPTION_INTEGER, .initial = "200", .maximum = 1000000000, .placeholder = "N",
     .group = "How", .help = "Made-up cases of each kernel, at each level and in each type; 0: none."},
    {OPTION(rounds), .type = BT_OPTION_INTEGER, .initial = "11", .maximum = 100000, .placeholder = "N",
     .group = "How", .help = "Turns of 10 ms that each timing takes, and its copy; 0: none."},
    {OPTION(threads), .type = BT_OPTION_INTEGER, .initial = "0", .maximum = 1024, .placeholder = "N",
     .group = "How", .help = "CPU threads; 0: all that the process may use."},
    {OPTION(quiet), .type = BT_OPTION_SWITCH, .initial = "false", .group = "How", .help = "No progress."},
};

static const bt_command command = {
    .name = "checkkernels",
    .summary = "Checks every CPU kernel against its reference in double, at every level of instructions that "
               "this CPU has,\nand times each against a copy of its tensor.",
    .usage = "[options]",
    .examples = "  checkkernels\n  checkkernels --seeds 100000 --rounds 0\n",
    .table = table,
    .count = sizeof table / sizeof *table,
};

/* ---- right? ---- */

static bt_status check_kernel(int kernel, bt_cpu_level level, const settings *given, int threads,
                              double *worst, bt_error *error) {
    *worst = 0;
    for (int64_t i = 0; i < BT_VALUE_TYPE_COUNT * given->seeds; i++) {
        const bt_kernel_case one = {.seed = 1 + (uint64_t)i / BT_VALUE_TYPE_COUNT,
                                    .type = (bt_value_type)(i % BT_VALUE_TYPE_COUNT),
                                    .threads = 1 + (int)(i / BT_VALUE_TYPE_COUNT % threads)};
        if (!bt_kernel_takes(kernel, one.type)) continue;
        bt_kernel_result result;
        bt_status status = bt_kernel_try(kernel, &one, level, &result, error);
        if (status != BT_OK) return status;
        if (result.overrun || !(result.error <= result.limit))
            return bt_fail(error, BT_UNSUPPORTED, "%s, %s, seed %llu, %s: off by %.3g, %.3g allowed%s: %s",
                           bt_kernel_name(kernel), bt_cpu_level_name(level), (unsigned long long)one.seed,
                           bt_value_type_name(one.type), result.error, result.limit,
                           result.overrun ? ", wrote outside" : "", result.text);
        if (result.error / result.limit > *worst) *worst = result.error / result.limit;
    }
    return BT_OK;
}

/* A row a kernel: how much of the error that rounding explains each level makes at worst. */
static bt_status check_all(const settings *given, int threads, bt_error *error) {
    bt_column columns[1 + BT_CPU_LEVEL_COUNT] = {{"kernel", false}};
    const int levels = bt_cpu_best_level() + 1;
    for (int i = 0; i < levels; i++)
        columns[1 + i] = (bt_column){bt_cpu_level_name((bt_cpu_level)i), true};
    bt_table *t;
    bt_status status = bt_table_open(&t, columns, (size_t)levels + 1, error);
    if (status != BT_OK) return status;
    for (int kernel = 0; bt_kernel_name(kernel) && status == BT_OK; kernel++) {
        bt_table_text(t, "%s", bt_kernel_name(kernel));
        for (int i = 0; i < levels && status == BT_OK; i++) {
            double worst;
            status = check_kernel(kernel, (bt_cpu_level)i, given, threads, &worst, error);
            bt_table_number(t, worst, 2);
        }
    }
    if (status == BT_OK) {
        printf("Worst error in %lld cases of each type, in parts of the error that rounding explains:\n\n",
               (long long)given->seeds);
        status = bt_table_write_text(t, 0, 100, stdout, error);
    }
    bt_table_close(&t);
    return status;
}

/* ---- fast? ---- */

/* A kernel with its tensors. What copy and kernel move is in bytes, reading and writing alike. */
typedef struct job {
    const struct tensor *tensor;
    bt_value_type type;
    bool residual;
    size_t bytes; /* of the tensor */
    double moved;
    char *x, *other, *out;
    float *numbers; /* plenty of ones: weights, factors */
    double *wanted;
    void *scratch;
    union {
        bt_norm norm;
        bt_sum sum;
        bt_scale scale;
        bt_channel_attention channel;
        bt_spatial_attention spatial;
        bt_dot dot;
        bt_pool pool;
        bt_interleave interleave;
        bt_unfold unfold;
        bt_winograd winograd;
    } k;
} job;

typedef struct tensor {
    const char *where;
    int channels, side;
} tensor;

#define NUMBERS ((size_t)1024 * 1024)

static void prepare_norm(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.norm = (bt_norm){.x = j->x,
                          .residual = j->residual ? j->other : NULL,
                          .scale = j->numbers,
                          .offset = j->numbers,
                          .batch = 1,
                          .channels = s->channels,
                          .pixels = (int64_t)s->side * s->side,
                          .epsilon = 1e-5f,
                          .type = j->type,
                          .out_type = j->type,
                          .residual_type = j->type,
                          .relu = true,
                          .threads = threads};
    j->moved = (double)j->bytes * ((j->bytes >= BEYOND_CACHES ? 3 : 2) + j->residual);
    j->scratch = aligned_alloc(BT_CACHE_LINE, bt_rounded(bt_norm_scratch_bytes(&j->k.norm) + 1));
}

static void run_norm(const job *j, bt_cpu_level level) {
    bt_norm_run(&j->k.norm, level, j->scratch);
}

static void slow_norm(const job *j) {
    bt_norm_reference(&j->k.norm, j->wanted);
}

/* Two branches of a fuse layer: one as large as the sum, one half as large. */
static void prepare_sum(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.sum = (bt_sum){.out = j->out,
                        .out_stride = (size_t)s->channels,
                        .inputs = {{j->x, s->side, s->side, j->type, NULL},
                                   {j->other, s->side / 2, s->side / 2, j->type, NULL}},
                        .input_count = 2,
                        .batch = 1,
                        .channels = s->channels,
                        .height = s->side,
                        .width = s->side,
                        .type = j->type,
                        .out_type = j->type,
                        .relu = true,
                        .threads = threads};
    j->moved = (double)j->bytes * 2.25;
    j->scratch = aligned_alloc(BT_CACHE_LINE, bt_rounded(bt_sum_scratch_bytes(&j->k.sum) + 1));
}

static void run_sum(const job *j, bt_cpu_level level) {
    bt_sum_run(&j->k.sum, level, j->scratch);
}

static void slow_sum(const job *j) {
    bt_sum_reference(&j->k.sum, j->wanted);
}

static void prepare_scale(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.scale = (bt_scale){.out = j->out,
                            .out_stride = (size_t)s->channels,
                            .x = j->x,
                            .channel = j->numbers,
                            .pixel = j->numbers,
                            .batch = 1,
                            .channels = s->channels,
                            .pixels = (int64_t)s->side * s->side,
                            .type = j->type,
                            .threads = threads};
    j->moved = (double)j->bytes * 2;
}

static void run_scale(const job *j, bt_cpu_level level) {
    bt_scale_run(&j->k.scale, level, j->scratch);
}

static void slow_scale(const job *j) {
    bt_scale_reference(&j->k.scale, j->wanted);
}

static void prepare_channel(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.channel = (bt_channel_attention){.x = j->x,
                                          .factors = (float *)(void *)j->out,
                                          .squeeze = j->numbers,
                                          .expand = j->numbers,
                                          .batch = 1,
                                          .channels = s->channels,
                                          .hidden = s->channels / 16 > 8 ? s->channels / 16 : 8,
                                          .height = s->side,
                                          .width = s->side,
                                          .type = j->type,
                                          .threads = threads};
    j->moved = (double)j->bytes;
    j->scratch =
        aligned_alloc(BT_CACHE_LINE, bt_rounded(bt_channel_attention_scratch_bytes(&j->k.channel) + 1));
}

static void run_channel(const job *j, bt_cpu_level level) {
    bt_channel_attention_run(&j->k.channel, level, j->scratch);
}

static void slow_channel(const job *j) {
    bt_channel_attention_reference(&j->k.channel, j->wanted);
}

static void prepare_spatial(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.spatial = (bt_spatial_attention){.x = j->x,
                                          .channel = j->numbers,
                                          .factors = (float *)(void *)j->out,
                                          .weight = j->numbers,
                                          .batch = 1,
                                          .channels = s->channels,
                                          .height = s->side,
                                          .width = s->side,
                                          .kernel = 7,
                                          .type = j->type,
                                          .threads = threads};
    j->moved = (double)j->bytes;
    j->scratch =
        aligned_alloc(BT_CACHE_LINE, bt_rounded(bt_spatial_attention_scratch_bytes(&j->k.spatial) + 1));
}

static void run_spatial(const job *j, bt_cpu_level level) {
    bt_spatial_attention_run(&j->k.spatial, level, j->scratch);
}

static void slow_spatial(const job *j) {
    bt_spatial_attention_reference(&j->k.spatial, j->wanted);
}

static void prepare_dot(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.dot = (bt_dot){.out = (float *)(void *)j->out,
                        .x = j->x,
                        .weight = j->numbers,
                        .pixels = (int64_t)s->side * s->side,
                        .channels = s->channels,
                        .type = j->type,
                        .threads = threads};
    j->moved = (double)j->bytes;
}

static void run_dot(const job *j, bt_cpu_level level) {
    bt_dot_run(&j->k.dot, level);
}

static void slow_dot(const job *j) {
    bt_dot_reference(&j->k.dot, j->wanted);
}

static void prepare_pool(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.pool = (bt_pool){.out = j->out,
                          .x = j->x,
                          .batch = 1,
                          .channels = s->channels,
                          .height = s->side,
                          .width = s->side,
                          .size = 2,
                          .type = j->type,
                          .threads = threads};
    j->moved = (double)j->bytes * 1.25;
}

static void run_pool(const job *j, bt_cpu_level level) {
    bt_pool_run(&j->k.pool, level);
}

static void slow_pool(const job *j) {
    bt_pool_reference(&j->k.pool, j->wanted);
}

static void prepare_interleave(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.interleave = (bt_interleave){.out = j->out,
                                      .planes = (float *)(void *)j->x,
                                      .batch = 1,
                                      .channels = s->channels,
                                      .pixels = (int64_t)s->side * s->side,
                                      .type = j->type,
                                      .threads = threads};
    j->moved = (double)j->bytes + (double)s->channels * s->side * s->side * sizeof(float);
}

static void run_interleave(const job *j, bt_cpu_level level) {
    bt_interleave_run(&j->k.interleave, level);
}

/* A quarter of the tensor's channels at twice its height and width. */
static void prepare_unfold(job *j, int threads) {
    const tensor *s = j->tensor;
    j->k.unfold = (bt_unfold){.out = j->out,
                              .x = j->x,
                              .batch = 1,
                              .channels = s->channels / 4,
                              .height = s->side,
                              .width = s->side,
                              .size = 2,
                              .type = j->type,
                              .threads = threads};
    j->moved = (double)j->bytes * 2;
}

static void run_unfold(const job *j, bt_cpu_level level) {
    bt_unfold_run(&j->k.unfold, level);
}

/* All tiles in one group, of the side that plans take at these sizes. */
static void prepare_winograd(job *j, int threads) {
    const tensor *s = j->tensor;
    bt_winograd *w = &j->k.winograd;
    *w = (bt_winograd){.x = j->x,
                       .out = j->out,
                       .batch = 1,
                       .height = s->side,
                       .width = s->side,
                       .channels = s->channels,
                       .out_channels = s->channels,
                       .side = j->type == BT_F32 ? 4 : 2,
                       .type = j->type,
                       .threads = threads};
    w->group = (int)bt_winograd_tiles(w);
    w->pitch = w->group | 1;
    const size_t room = bt_rounded(bt_winograd_lay_out(w, NULL));
    j->scratch = aligned_alloc(BT_CACHE_LINE, room);
    memset(j->scratch, 0, room);
    bt_winograd_lay_out(w, j->scratch);
}

/* Values that tiles hold for each of the tensor's, and the products floats. */
static double tile_values(const job *j) {
    const int side = j->k.winograd.side;
    return (double)bt_winograd_places(side) / (side * side);
}

static void prepare_winograd_read(job *j, int threads) {
    prepare_winograd(j, threads);
    j->moved = (double)j->bytes * (1 + tile_values(j));
}

static void prepare_winograd_write(job *j, int threads) {
    prepare_winograd(j, threads);
    j->moved = (double)j->bytes +
               tile_values(j) * j->tensor->channels * j->tensor->side * j->tensor->side * sizeof(float);
}

static void run_winograd_read(const job *j, bt_cpu_level level) {
    bt_winograd_read(&j->k.winograd, 0, level);
}

static void run_winograd_write(const job *j, bt_cpu_level level) {
    bt_winograd_write(&j->k.winograd, 0, level);
}

static void slow_winograd_write(const job *j) {
    bt_winograd_write_reference(&j->k.winograd, 0, j->wanted);
}

static const struct kind {
    const char *name;
    void (*prepare)(job *j, int threads);
    void (*run)(const job *j, bt_cpu_level level);
    void (*slow)(const job *j); /* the reference; NULL: not timed, as where there is nothing to compute */
    bool residual;
    tensor tensors[6];
} kinds[] = {
    {"norm",
     prepare_norm,
     run_norm,
     slow_norm,
     false,
     {{"HRNet 128², branch 1", 48, 32},
      {"HRNet 256², branch 1", 48, 64},
      {"CBAM-ResUNet 128², level 1", 64, 128},
      {"CBAM-ResUNet 256², level 1", 64, 256},
      {"beyond any cache", 64, 1024}}},
    {"norm + residual",
     prepare_norm,
     run_norm,
     slow_norm,
     true,
     {{"HRNet 128², branch 1", 48, 32},
      {"HRNet 256², branch 1", 48, 64},
      {"CBAM-ResUNet 256², level 1", 64, 256},
      {"beyond any cache", 64, 1024}}},
    {"sum",
     prepare_sum,
     run_sum,
     slow_sum,
     false,
     {{"HRNet 128², branch 1", 48, 32}, {"HRNet 256², branch 1", 48, 64}}},
    {"scale",
     prepare_scale,
     run_scale,
     slow_scale,
     false,
     {{"CBAM-ResUNet 256², level 1", 64, 256}, {"CBAM-ResUNet 256², level 4", 512, 32}}},
    {"channel_attention",
     prepare_channel,
     run_channel,
     slow_channel,
     false,
     {{"CBAM-ResUNet 256², level 1", 64, 256}, {"CBAM-ResUNet 256², level 4", 512, 32}}},
    {"spatial_attention",
     prepare_spatial,
     run_spatial,
     slow_spatial,
     false,
     {{"CBAM-ResUNet 256², level 1", 64, 256}, {"CBAM-ResUNet 256², level 4", 512, 32}}},
    {"dot", prepare_dot, run_dot, slow_dot, false, {{"CBAM-ResUNet 256², gate 1", 32, 256}}},
    {"pool", prepare_pool, run_pool, slow_pool, false, {{"CBAM-ResUNet 256², level 1", 64, 256}}},
    {"interleave", prepare_interleave, run_interleave, NULL, false, {{"an image of 256²", 3, 256}}},
    {"unfold", prepare_unfold, run_unfold, NULL, false, {{"CBAM-ResUNet 256², up 1", 256, 128}}},
    {"winograd_read",
     prepare_winograd_read,
     run_winograd_read,
     NULL,
     false,
     {{"HRNet 256², branch 3", 192, 16}, {"CBAM-ResUNet 256², level 3", 256, 64}}},
    {"winograd_write",
     prepare_winograd_write,
     run_winograd_write,
     slow_winograd_write,
     false,
     {{"HRNet 256², branch 3", 192, 16}, {"CBAM-ResUNet 256², level 3", 256, 64}}},
};

static void copy(char *to, const char *from, size_t bytes, int threads) {
#pragma omp parallel num_threads(threads)
    {
        size_t share = bytes / (size_t)omp_get_num_threads() / BT_CACHE_LINE * BT_CACHE_LINE,
               first = share * (size_t)omp_get_thread_num();
        if (omp_get_thread_num() + 1 == omp_get_num_threads()) share = bytes - first;
        memcpy(to + first, from + first, share);
    }
}

/* Seconds of one call, over as many as a round has time for. */
static double time_kernel(const struct kind *kind, const job *j) {
    const bt_cpu_level level = bt_cpu_best_level();
    int64_t start_ns = bt_clock_now_ns(), now_ns, runs = 0;
    do {
        kind->run(j, level);
        runs++;
        now_ns = bt_clock_now_ns();
    } while (now_ns - start_ns < ROUND_NS);
    return (double)(now_ns - start_ns) / (double)runs / 1e9;
}

static double time_copy(const job *j, int threads) {
    int64_t start_ns = bt_clock_now_ns(), now_ns, runs = 0;
    do {
        copy(j->out, j->other, j->bytes, threads);
        runs++;
        now_ns = bt_clock_now_ns();
    } while (now_ns - start_ns < ROUND_NS);
    return (double)(now_ns - start_ns) / (double)runs / 1e9;
}

static double time_slow(const struct kind *kind, const job *j) {
    int64_t start_ns = bt_clock_now_ns();
    kind->slow(j);
    return (double)(bt_clock_now_ns() - start_ns) / 1e9;
}

static bt_status open_job(job *j, bt_error *error) {
    const tensor *s = j->tensor;
    const size_t count = (size_t)s->channels * (size_t)s->side * (size_t)s->side;
    const size_t room = bt_rounded(count * sizeof(float));
    j->bytes = count * bt_value_bytes(j->type);
    j->x = aligned_alloc(BT_CACHE_LINE, room);
    j->other = aligned_alloc(BT_CACHE_LINE, room);
    j->out = aligned_alloc(BT_CACHE_LINE, room);
    j->numbers = malloc(NUMBERS * sizeof *j->numbers);
    j->wanted = malloc(count * sizeof *j->wanted);
    if (!j->x || !j->other || !j->out || !j->numbers || !j->wanted)
        return bt_no_memory(error, "a tensor of %zu bytes", room);
    memset(j->x, 0x3f, room); /* a number a little below 1 in either type */
    memset(j->other, 0x3f, room);
    memset(j->out, 0x3f, room);
    for (size_t i = 0; i < NUMBERS; i++)
        j->numbers[i] = 1;
    return BT_OK;
}

static void close_job(job *j) {
    free(j->x);
    free(j->other);
    free(j->out);
    free(j->numbers);
    free(j->wanted);
    free(j->scratch);
}

static double median(double *values, int count) {
    bt_sort(values, (size_t)count);
    return bt_quantile(values, (size_t)count, 0.5);
}

static bt_status time_job(const struct kind *kind, const tensor *s, bt_value_type type, const settings *given,
                          int threads, bt_table *t, bt_error *error) {
    const int rounds = (int)given->rounds;
    job j = {.tensor = s, .type = type, .residual = kind->residual};
    double *times = malloc(3 * (size_t)rounds * sizeof *times);
    bt_status status = open_job(&j, error);
    if (status == BT_OK && !times) status = bt_no_memory(error, "timing a kernel");
    if (status == BT_OK) {
        double *kernel = times, *copies = times + rounds, *shares = times + 2 * rounds;
        kind->prepare(&j, threads);
        for (int i = 0; i < rounds; i++) {
            copies[i] = time_copy(&j, threads);
            kernel[i] = time_kernel(kind, &j);
            shares[i] = copies[i] / kernel[i] * j.moved / (2 * (double)j.bytes);
        }
        const double kernel_s = median(kernel, rounds);
        bt_table_text(t, "%s", kind->name);
        bt_table_text(t, "%s: %d x %d x %d", s->where, s->side, s->side, s->channels);
        bt_table_text(t, "%s", type == BT_BF16 ? "BF16" : "FP32");
        bt_table_number(t, (double)j.bytes / 1e6, 2);
        bt_table_number(t, kernel_s * 1e6, 1);
        bt_table_number(t, median(copies, rounds) * 1e6, 1);
        bt_table_number(t, median(shares, rounds) * 100, 0);
        if (kind->slow)
            bt_table_number(t, time_slow(kind, &j) / kernel_s, 0);
        else
            bt_table_unknown(t);
    }
    free(times);
    close_job(&j);
    return status;
}

static bt_status time_all(const settings *given, int threads, bt_error *error) {
    static const bt_column columns[] = {
        {"kernel", false}, {"tensor", false}, {"type", false},         {"MB", true},
        {"µs", true},      {"copy µs", true}, {"% of the copy", true}, {"× reference", true}};
    bt_table *t;
    bt_status status = bt_table_open(&t, columns, sizeof columns / sizeof *columns, error);
    if (status != BT_OK) return status;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && status == BT_OK; i++) {
        if (!given->quiet) fprintf(stderr, "checkkernels: timing %s\n", kinds[i].name);
        for (const tensor *s = kinds[i].tensors; s->where && status == BT_OK; s++)
            for (bt_value_type type = BT_F32; type <= BT_BF16 && status == BT_OK; type++)
                status = time_job(&kinds[i], s, type, given, threads, t, error);
    }
    if (status == BT_OK) {
        printf("\n%s, %d threads; bandwidth in percent of what a copy of the tensor reaches in turn:\n\n",
               bt_cpu_level_name(bt_cpu_best_level()), threads);
        status = bt_table_write_text(t, 0, 140, stdout, error);
    }
    bt_table_close(&t);
    return status;
}

int main(int argc, char **argv) {
    settings given;
    bt_option_sources sources;
    bt_error error;
    int code = bt_command_start(&command, argc, argv, &given, &sources, stdout, stderr);
    if (code >= 0) return code;
    const int threads = given.threads > 0 ? (int)given.threads : bt_cores_count();
    bt_status status = given.seeds > 0 ? check_all(&given, threads, &error) : BT_OK;
    if (status == BT_OK && given.rounds > 0) status = time_all(&given, threads, &error);
    if (status == BT_UNSUPPORTED) {
        fprintf(stderr, "checkkernels: wrong: %s\n", error.message);
        return bt_command_finish(&command, stdout, stderr, false, BT_EXIT_FAILED);
    }
    code = status == BT_OK ? BT_EXIT_GOOD : bt_command_fail(&command, &error, stderr);
    return bt_command_finish(&command, stdout, stderr, false, code);
}
