/* bench-networks: the paths of a network against each other and against the machine's peak, in one run.
 *
 * All sessions are open at once and take turns, image size by image size: each iteration runs every batch
 * size on every path, so that a slow spell of the machine falls on all of them. A run that follows another
 * session's is not timed: it finds caches and threads as the other left them. On a CPU each iteration also
 * runs what reaches the cores' peak (peaks.h). A path that this machine has not is left out and said. Prints
 * figures and judges none.
 *
 * With --serve it takes its turns from somebody else, who interleaves it with other programs (peers.py): a
 * line "BATCH RUNS" on standard input is answered by a line of JSON with so many times. With --logits it also
 * writes what masks are made of, for whoever compares them. */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/calibrate.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/cores.h"
#include "inputs.h"
#include "measure/quantile.h"
#include "multiply-adds.h"
#include "networks/network.h"
#include "peaks.h"
#include "report/table.h"
#include "tune/team.h"

enum { FORMAT_TABLE, FORMAT_JSON };

/* What the rows are called, and what a session of each is. One that forces a precision is left out where
 * this machine has it not. */
static const struct path {
    const char *name;
    bt_path path;
    bool use_amp, use_channels_last;
    bt_precision precision;
} known_paths[] = {
    {"standard", BT_PATH_STANDARD, false, false, BT_PRECISION_AUTO},
    {"plain-contiguous", BT_PATH_PLAIN, true, false, BT_PRECISION_AUTO},
    {"plain", BT_PATH_PLAIN, true, true, BT_PRECISION_AUTO},
    {"production", BT_PATH_PRODUCTION, true, true, BT_PRECISION_AUTO},
    {"production-fp32", BT_PATH_PRODUCTION, false, true, BT_PRECISION_FP32},
    {"production-bf16", BT_PATH_PRODUCTION, true, true, BT_PRECISION_BF16},
    {"production-int8", BT_PATH_PRODUCTION, true, true, BT_PRECISION_INT8},
};

#define KNOWN_PATHS ((int)(sizeof known_paths / sizeof *known_paths))
#define PATHS_MAX   BT_NAMES_MAX
#define PEAKS_MAX   4 /* precisions at most */
#define TABLE_WIDTH 120

/* Of the pictures that run, and of those that INT8 is calibrated on: of 42, 32 for the ranges and the others to
 * see whether masks agree. The same as peer.py's. */
#define PICTURES_SEED        1
#define CALIBRATION_SEED     2
#define CALIBRATION_PICTURES 42
#define WANTED_IOU           0.995

typedef struct settings {
    bt_names models, paths;
    bt_sizes image_sizes, batches;
    int64_t iterations, threads, instances;
    int64_t pictures;
    char weights[BT_OPTION_TEXT_SIZE], backend[BT_OPTION_TEXT_SIZE], device[BT_OPTION_TEXT_SIZE],
        logits[BT_OPTION_TEXT_SIZE];
    int format;
    bool serve, quiet;
} settings;

#define OPTION(field_) .name = #field_, .scope = BT_SCOPE_COMMAND, .offset = offsetof(settings, field_)

static const bt_option table[] = {
    {OPTION(models), .type = BT_OPTION_NAMES, .initial = "hrnet,cbam_resunet", .placeholder = "NAME,...",
     .group = "What to run", .help = "The networks."},
    {.name = "image_size",
     .scope = BT_SCOPE_COMMAND,
     .offset = offsetof(settings, image_sizes),
     .type = BT_OPTION_SIZES,
     .initial = "256",
     .placeholder = "N,...",
     .group = "What to run",
     .help = "Heights and widths of the input, in pixels."},
    {OPTION(batches), .type = BT_OPTION_SIZES, .initial = "1,4", .placeholder = "N,...",
     .group = "What to run", .help = "Batch sizes."},
    {OPTION(paths), .type = BT_OPTION_NAMES,
     .initial = "standard,plain-contiguous,plain,production,production-fp32,production-bf16,production-int8",
     .placeholder = "NAME,...", .group = "What to run",
     .help = "standard (FP32, contiguous, libtorch), plain-contiguous and plain (libtorch with AMP; plain in "
             "channels_last), production (on a CPU the compiled plan, in the precision that a session "
             "chooses), production-fp32, production-bf16 and production-int8 (the same, forced)."},
    {OPTION(threads), .type = BT_OPTION_INTEGER, .initial = "0", .maximum = 1024, .placeholder = "N",
     .group = "What to run", .help = "CPU threads; 0: all that the process may use."},
    {OPTION(weights), .type = BT_OPTION_TEXT, .initial = "demo", .placeholder = "SOURCE",
     .group = "What to run",
     .help = "Where the networks' parameters come from; their values do not change the times."},
    {OPTION(backend), .type = BT_OPTION_TEXT, .initial = "torch", .placeholder = "torch|plan|sim:...",
     .group = "What to run",
     .help = "What runs the batches; plan needs no libtorch and has the production paths only."},
    {OPTION(device), .type = BT_OPTION_TEXT, .initial = "cpu", .placeholder = "cpu|cuda:N",
     .group = "What to run", .help = "Where."},
    {OPTION(iterations), .type = BT_OPTION_INTEGER, .initial = "10", .minimum = 1, .maximum = 100000,
     .placeholder = "N", .group = "How", .help = "Timed runs of each."},
    {OPTION(format), .type = BT_OPTION_CHOICE, .choices = "table|json", .initial = "table", .group = "How",
     .help = "What is printed: a table of medians and ratios, or every sample."},
    {OPTION(instances), .type = BT_OPTION_INTEGER, .initial = "1", .minimum = 1, .maximum = 16,
     .placeholder = "N", .group = "How",
     .help = "With --serve: copies that share the threads and run together; a time is a batch's share."},
    {OPTION(serve), .type = BT_OPTION_SWITCH, .initial = "false", .group = "How",
     .help = "Take turns from standard input: the first model, size and path; each line \"BATCH RUNS\" is "
             "answered by {\"ms\": [...], \"precision\": \"bf16\"}."},
    {OPTION(logits), .type = BT_OPTION_TEXT, .placeholder = "FILE", .group = "How",
     .help = "With --serve: where the logits of --pictures pictures go, before the first turn of each batch "
             "size."},
    {OPTION(pictures), .type = BT_OPTION_INTEGER, .initial = "1", .minimum = 1, .maximum = 1024,
     .placeholder = "N", .group = "How", .help = "How many those are."},
    {OPTION(quiet), .type = BT_OPTION_SWITCH, .initial = "false", .group = "How", .help = "No progress."},
};

static const bt_command command = {
    .name = "bench-networks",
    .summary =
        "Times the paths of the networks against each other: interleaved, in one run, medians. "
        "Latencies and\nimages/s are of whole batches; ratios are against the other paths of the same "
        "batch. GFLOP/s are\nthose of the convolutions as the network lists them (a multiplication and "
        "an addition are two) over\nthe whole time; \"share\" is against the peak of the path's "
        "precision, measured in the same turns.\nWinograd's tiles take fewer multiplications than are "
        "listed: with them a share may pass 1.",
    .usage = "[options]",
    .examples = "  bench-networks --models hrnet --image-size 256 --batches 1,4 --iterations 10\n"
                "  bench-networks --image-size 128,256,512 --batches 1,2,4,8 --format json >networks.json\n",
    .table = table,
    .count = sizeof table / sizeof *table,
};

/* A model at one image size: what all of its cells are compared with. */
typedef struct block {
    const char *model;
    int image_size;
    int64_t multiply_adds; /* of an image */
    peaks *peaks;          /* NULL where none are measured: on a device, or without oneDNN */
} block;

/* One row of the result: a path at one size, with its samples. */
typedef struct cell {
    const block *block;
    const struct path *path;
    int batch;
    double *samples_ms; /* iterations; NULL where this machine has no such path */
    double median_ms;
    bt_session_info info;
} cell;

typedef struct bench {
    const settings *given;
    const struct path *paths[PATHS_MAX];
    int path_count;
    block *blocks;
    int block_count;
    cell *cells;
    int cell_count;
    float *images, *logits;
} bench;

/* ---- running ---- */

static bt_session_options session_options(const settings *given, const char *model, int size,
                                          const struct path *path) {
    return (bt_session_options){.backend = given->backend,
                                .model = model,
                                .weights = given->weights,
                                .device = given->device,
                                .path = path->path,
                                .height = size,
                                .width = size,
                                .threads = (int)given->threads,
                                .use_amp = path->use_amp,
                                .use_channels_last = path->use_channels_last,
                                .use_cudnn_benchmark = true,
                                .precision = path->precision};
}

static int largest(const bt_sizes *sizes) {
    return sizes->sizes[sizes->count - 1];
}

static void say(const bench *b, const block *of, const char *format, ...) BT_PRINTF(3, 4);

static void say(const bench *b, const block *of, const char *format, ...) {
    va_list arguments;
    if (b->given->quiet) return;
    va_start(arguments, format);
    fprintf(stderr, "bench-networks: %s, %d px: ", of->model, of->image_size);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* Those of the largest batch; with --logits all that are asked for, too, in whole batches. */
static int picture_count(const settings *given) {
    return largest(&given->batches) + (*given->logits ? (int)given->pictures : 0);
}

/* Room for them at the largest size, and for the logits of a batch. */
static bt_status open_buffers(bench *b, bt_error *error) {
    const size_t side = (size_t)largest(&b->given->image_sizes), pictures = (size_t)picture_count(b->given);
    b->images = malloc(3 * pictures * side * side * sizeof *b->images);
    b->logits = malloc((size_t)largest(&b->given->batches) * side * side * sizeof *b->logits);
    return b->images && b->logits ? BT_OK
                                  : bt_no_memory(error, "%zu pictures of %zu pixels", pictures, side * side);
}

static bt_status draw(const bench *b, int size, bt_error *error) {
    return input_spheroids(b->images, NULL, PICTURES_SEED, picture_count(b->given), size, size, error);
}

static bt_status time_run(const bench *b, bt_session *session, int batch, double *ms, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_session_run(session, batch, b->images, b->logits, error);
    *ms = bt_ms(bt_clock_now_ns() - start_ns);
    return status;
}

/* What is the same for all paths; a machine whose peaks cannot be measured is timed without. */
static bt_status open_block(bench *b, block *of, bt_error *error) {
    const settings *given = b->given;
    bt_network *network;
    bt_status status = bt_network_open(&network, of->model, error);
    if (status == BT_OK)
        status = multiply_adds(&of->multiply_adds, network, of->image_size, of->image_size, error);
    bt_network_close(&network);
    if (status == BT_OK) status = draw(b, of->image_size, error);
    if (status != BT_OK || strcmp(given->device, "cpu") != 0) return status;
    status = peaks_open(&of->peaks, given->threads > 0 ? (int)given->threads : bt_cores_count(), error);
    if (status == BT_UNSUPPORTED) say(b, of, "no peaks: %s", error->message);
    return status == BT_UNSUPPORTED ? BT_OK : status;
}

/* Calibrates what `options` name on pictures of its own, into `file`. */
static bt_status calibrate(const bench *b, const block *of, const bt_session_options *options,
                           const char *file, bt_error *error) {
    const size_t values = 3 * (size_t)of->image_size * (size_t)of->image_size;
    bt_calibration *calibration = NULL;
    float *images = malloc(CALIBRATION_PICTURES * values * sizeof *images);
    if (!images) return bt_no_memory(error, "the pictures to calibrate on");
    const bt_calibrate_options how = {.session = options,
                                      .images = images,
                                      .count = CALIBRATION_PICTURES,
                                      .source = "synthetic",
                                      .wanted_iou = WANTED_IOU};
    bt_status status = input_spheroids(images, NULL, CALIBRATION_SEED, CALIBRATION_PICTURES, of->image_size,
                                       of->image_size, error);
    if (status == BT_OK) status = bt_calibrate(&calibration, file, &how, error);
    if (status == BT_OK)
        say(b, of, "calibrated: masks' IoU %.4f, at least %.4f", calibration->mask_iou,
            calibration->mask_iou_least);
    bt_calibration_close(&calibration);
    free(images);
    return status;
}

/* The sessions of a path: one of its own, or a team's. */
static bt_status open_sessions(const bench *b, bt_session_options *options, bt_session **session,
                               bt_team **team, bt_error *error) {
    if (team) return bt_team_open(team, options, (int)b->given->instances, error);
    return bt_session_open(session, options, error);
}

/* The same, with a calibration where that is wanted: a file that lasts until they are open. */
static bt_status open_calibrated(const bench *b, const block *of, bt_session_options *options,
                                 bt_session **session, bt_team **team, bt_error *error) {
    char file[] = "/tmp/bench-networks-XXXXXX";
    if (options->precision != BT_PRECISION_INT8) return open_sessions(b, options, session, team, error);
    const int descriptor = mkstemp(file);
    if (descriptor < 0) return bt_fail(error, BT_IO, "%s: no temporary file can be made", file);
    close(descriptor);
    bt_status status = calibrate(b, of, options, file, error);
    options->calibration = file;
    if (status == BT_OK) status = open_sessions(b, options, session, team, error);
    options->calibration = NULL;
    unlink(file);
    return status;
}

/* Opens a path; none, and BT_OK, where it forces a precision that is not to be had here. */
static bt_status open_path(const bench *b, const block *of, const struct path *path, bt_session **session,
                           bt_error *error) {
    bt_session_options options = session_options(b->given, of->model, of->image_size, path);
    say(b, of, "preparing the %s path", path->name);
    bt_status status = open_calibrated(b, of, &options, session, NULL, error);
    if (bt_precision_is_open(path->precision) || (status != BT_INVALID && status != BT_UNSUPPORTED))
        return status;
    say(b, of, "without the %s path: %s", path->name, error->message);
    return BT_OK;
}

/* The cells of one path, a batch size each: prepared, and run once. */
static bt_status open_cells(bench *b, const block *of, const struct path *path, bt_session **session,
                            bt_error *error) {
    const bt_sizes *batches = &b->given->batches;
    double ignored_ms;
    bt_status status = open_path(b, of, path, session, error);
    for (int i = 0; i < batches->count && status == BT_OK; i++) {
        cell *c = &b->cells[b->cell_count++];
        *c = (cell){.block = of, .path = path, .batch = batches->sizes[i], .median_ms = NAN};
        if (!*session) continue;
        c->info = *bt_session_describe(*session);
        c->samples_ms = calloc((size_t)b->given->iterations, sizeof *c->samples_ms);
        if (!c->samples_ms) status = bt_no_memory(error, "the samples");
        if (status == BT_OK) status = bt_session_prepare(*session, c->batch, error);
        if (status == BT_OK) status = time_run(b, *session, c->batch, &ignored_ms, error);
    }
    return status;
}

/* Every path's turn with every batch size, and the peaks'. `cells` are path by path, batch by batch. */
static bt_status iterate(bench *b, const block *of, bt_session *const *sessions, cell *cells,
                         int64_t iteration, bt_error *error) {
    const int batches = b->given->batches.count;
    double ignored_ms;
    bt_status status = of->peaks ? peaks_turn(of->peaks, error) : BT_OK;
    for (int j = 0; j < batches; j++)
        for (int p = 0; p < b->path_count && status == BT_OK; p++) {
            cell *c = &cells[p * batches + j];
            if (!c->samples_ms) continue;
            status = time_run(b, sessions[p], c->batch, &ignored_ms, error);
            if (status == BT_OK)
                status = time_run(b, sessions[p], c->batch, &c->samples_ms[iteration], error);
        }
    return status;
}

static bool has_path(const bench *b, bt_session *const *sessions) {
    for (int p = 0; p < b->path_count; p++)
        if (sessions[p]) return true;
    return false;
}

/* Fails where no path is to be had, as the last one did. */
static bt_status bench_block(bench *b, block *of, bt_error *error) {
    const int64_t iterations = b->given->iterations;
    bt_session *sessions[PATHS_MAX] = {NULL};
    cell *cells = b->cells + b->cell_count;
    bt_status status = open_block(b, of, error);
    for (int p = 0; p < b->path_count && status == BT_OK; p++)
        status = open_cells(b, of, b->paths[p], &sessions[p], error);
    if (status == BT_OK && !has_path(b, sessions)) status = error->status;
    for (int64_t i = 0; i < iterations && status == BT_OK; i++) {
        say(b, of, "%lld of %lld", (long long)i + 1, (long long)iterations);
        status = iterate(b, of, sessions, cells, i, error);
    }
    for (int p = 0; p < b->path_count; p++)
        bt_session_close(&sessions[p]);
    return status;
}

static bt_status take_medians(bench *b, bt_error *error) {
    size_t count = (size_t)b->given->iterations;
    double *sorted = malloc(count * sizeof *sorted);
    if (!sorted) return bt_no_memory(error, "sorting");
    for (int i = 0; i < b->cell_count; i++) {
        if (!b->cells[i].samples_ms) continue;
        memcpy(sorted, b->cells[i].samples_ms, count * sizeof *sorted);
        bt_sort(sorted, count);
        b->cells[i].median_ms = bt_quantile(sorted, count, 0.5);
    }
    free(sorted);
    return BT_OK;
}

static bt_status bench_all(bench *b, bt_error *error) {
    const settings *given = b->given;
    bt_status status = BT_OK;
    for (int m = 0; m < given->models.count && status == BT_OK; m++)
        for (int s = 0; s < given->image_sizes.count && status == BT_OK; s++) {
            block *of = &b->blocks[b->block_count++];
            *of = (block){.model = given->models.names[m], .image_size = given->image_sizes.sizes[s]};
            status = bench_block(b, of, error);
        }
    return status == BT_OK ? take_medians(b, error) : status;
}

/* ---- telling ---- */

static double gflops_of(const cell *c) {
    return 2e-6 * (double)c->block->multiply_adds * c->batch / c->median_ms;
}

/* "2.61" times as fast as `name`'s cell of the same row; unknown where that was not run. */
static void add_ratio(bt_table *t, const bench *b, const cell *c, const char *name) {
    for (int i = 0; i < b->cell_count; i++) {
        const cell *other = &b->cells[i];
        if (strcmp(other->path->name, name) != 0 || other->block != c->block || other->batch != c->batch)
            continue;
        bt_table_number(t, other->median_ms / c->median_ms, 2);
        return;
    }
    bt_table_unknown(t);
}

static void add_row(bt_table *t, const bench *b, const cell *c) {
    bt_table_text(t, "%s", c->block->model);
    bt_table_text(t, "%d", c->block->image_size);
    bt_table_text(t, "%d", c->batch);
    bt_table_text(t, "%s", c->path->name);
    bt_table_text(t, "%s", c->samples_ms ? c->info.precision : "not here");
    bt_table_number(t, c->median_ms, 2);
    bt_table_number(t, 1e3 * c->batch / c->median_ms, 2);
    add_ratio(t, b, c, "standard");
    add_ratio(t, b, c, "plain");
    bt_table_number(t, gflops_of(c), 1);
    bt_table_number(t, gflops_of(c) / peaks_gflops(c->block->peaks, c->info.precision), 2);
}

/* Batch by batch, the paths of one beside each other. */
static bt_status print_table(const bench *b, bt_error *error) {
    static const bt_column columns[] = {{"model", false},   {"size", true},       {"batch", true},
                                        {"path", false},    {"precision", false}, {"median ms", true},
                                        {"images/s", true}, {"× standard", true}, {"× plain", true},
                                        {"GFLOP/s", true},  {"share", true}};
    bt_table *t;
    bt_status status = bt_table_open(&t, columns, sizeof columns / sizeof *columns, error);
    if (status != BT_OK) return status;
    const int paths = b->path_count, batches = b->given->batches.count;
    for (int first = 0; first < b->cell_count; first += paths * batches)
        for (int j = 0; j < batches; j++)
            for (int p = 0; p < paths; p++)
                add_row(t, b, &b->cells[first + p * batches + j]);
    status = bt_table_write_text(t, 0, TABLE_WIDTH, stdout, error);
    bt_table_close(&t);
    return status;
}

/* Each precision's peak in each block's turns. */
static bt_status print_peaks(const bench *b, bt_error *error) {
    bt_column columns[2 + PEAKS_MAX] = {{"peak, GFLOP/s", false}, {"size", true}};
    int count = 2;
    for (int i = 0; peaks_precision(i) && count < 2 + PEAKS_MAX; i++)
        columns[count++] = (bt_column){peaks_precision(i), true};
    bt_table *t;
    bt_status status = bt_table_open(&t, columns, count, error);
    if (status != BT_OK) return status;
    for (const block *of = b->blocks; of < b->blocks + b->block_count; of++) {
        bt_table_text(t, "%s", of->model);
        bt_table_text(t, "%d", of->image_size);
        for (int i = 0; i < count - 2; i++)
            bt_table_number(t, peaks_gflops(of->peaks, peaks_precision(i)), 1);
    }
    putchar('\n');
    status = bt_table_write_text(t, 0, TABLE_WIDTH, stdout, error);
    bt_table_close(&t);
    return status;
}

static json_t *samples_json(const double *samples_ms, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(samples_ms[i]));
    return array;
}

/* null where it is not finite. */
static json_t *number_json(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cell_json(const bench *b, const cell *c) {
    return json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:i, s:f, s:f, s:o, s:o}", "model", c->block->model,
                     "image_size", c->block->image_size, "batch_size", c->batch, "path", c->path->name,
                     "precision", c->info.precision, "backend", c->info.backend, "threads", c->info.threads,
                     "median_ms", c->median_ms, "gflops", gflops_of(c), "peak_gflops",
                     number_json(peaks_gflops(c->block->peaks, c->info.precision)), "samples_ms",
                     samples_json(c->samples_ms, b->given->iterations));
}

/* Of what was run. */
static bt_status print_json(const bench *b, bt_error *error) {
    const char *machine = "";
    json_t *results = json_array();
    for (const cell *c = b->cells; c < b->cells + b->cell_count; c++) {
        if (!c->samples_ms) continue;
        machine = c->info.device;
        json_array_append_new(results, cell_json(b, c));
    }
    json_t *whole = json_pack("{s:s, s:o}", "machine", machine, "results", results);
    int written = whole ? json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : -1;
    json_decref(whole);
    putchar('\n');
    return written == 0 ? BT_OK : bt_fail(error, BT_IO, "the results could not be written");
}

/* ---- turns ---- */

/* What a batch takes of the machine's time: of instances that run together each batch takes its part. */
static bt_status answer(const bench *b, bt_team *team, int batch, int runs, bt_error *error) {
    const int instances = (int)b->given->instances;
    double *samples_ms = calloc((size_t)runs, sizeof *samples_ms);
    if (!samples_ms) return bt_no_memory(error, "%d samples", runs);
    bt_status status = bt_team_time(team, batch, runs, b->images, b->logits, samples_ms, error);
    for (int i = 0; i < runs; i++)
        samples_ms[i] /= instances;
    json_t *line = json_pack("{s:o, s:s}", "ms", samples_json(samples_ms, runs), "precision",
                             bt_session_describe(bt_team_session(team))->precision);
    if (status == BT_OK && json_dumpf(line, stdout, JSON_COMPACT) != 0)
        status = bt_fail(error, BT_IO, "a turn's times could not be written");
    json_decref(line);
    free(samples_ms);
    putchar('\n');
    fflush(stdout);
    return status;
}

/* The logits of --pictures pictures, batch by batch, as float32. */
static bt_status write_logits(const bench *b, bt_team *team, int batch, bt_error *error) {
    const settings *given = b->given;
    const size_t pixels = (size_t)given->image_sizes.sizes[0] * (size_t)given->image_sizes.sizes[0];
    FILE *file = fopen(given->logits, "wbe");
    if (!file) return bt_fail(error, BT_IO, "%s cannot be opened", given->logits);
    bt_status status = BT_OK;
    for (int64_t first = 0; first < given->pictures && status == BT_OK; first += batch) {
        const int64_t left = given->pictures - first;
        const size_t wanted = pixels * (size_t)(left < batch ? left : batch);
        status = bt_team_run(team, batch, b->images + 3 * pixels * (size_t)first, b->logits, error);
        if (status == BT_OK && fwrite(b->logits, sizeof *b->logits, wanted, file) != wanted)
            status = bt_fail(error, BT_IO, "%s cannot be written", given->logits);
    }
    if (fclose(file) != 0 && status == BT_OK)
        status = bt_fail(error, BT_IO, "%s cannot be written", given->logits);
    return status;
}

static bt_status prepare_team(const bench *b, bt_team *team, int batch, bt_error *error) {
    const size_t size = (size_t)b->given->image_sizes.sizes[0];
    bt_status status = bt_team_prepare(team, batch, size * size, error);
    return status == BT_OK && *b->given->logits ? write_logits(b, team, batch, error) : status;
}

static bt_status take_turns(const bench *b, bt_team *team, bt_error *error) {
    char line[64];
    int prepared = 0;
    bt_status status = BT_OK;
    while (status == BT_OK && fgets(line, sizeof line, stdin)) {
        int batch, runs;
        if (sscanf(line, "%d %d", &batch, &runs) != 2 || batch < 1 || batch > largest(&b->given->batches) ||
            runs < 1)
            return bt_fail(error, BT_INVALID, "a turn is \"BATCH RUNS\", with a batch of --batches at most");
        if (batch != prepared) status = prepare_team(b, team, batch, error);
        prepared = batch;
        if (status == BT_OK) status = answer(b, team, batch, runs, error);
    }
    return status;
}

static bt_status serve(const bench *b, bt_error *error) {
    const settings *given = b->given;
    const block of = {.model = given->models.names[0], .image_size = given->image_sizes.sizes[0]};
    bt_team *team = NULL;
    bt_session_options options = session_options(given, of.model, of.image_size, b->paths[0]);
    if (given->instances > 1)
        options.threads = (options.threads > 0 ? options.threads : bt_cores_count()) / (int)given->instances;
    bt_status status = draw(b, of.image_size, error);
    if (status == BT_OK) status = open_calibrated(b, &of, &options, NULL, &team, error);
    if (status == BT_OK) status = take_turns(b, team, error);
    bt_team_close(&team);
    return status;
}

/* ---- all of it ---- */

static bt_status choose_paths(bench *b, bt_error *error) {
    const bt_names *names = &b->given->paths;
    for (int i = 0; i < names->count; i++) {
        int p = 0;
        while (p < KNOWN_PATHS && strcmp(known_paths[p].name, names->names[i]) != 0)
            p++;
        if (p == KNOWN_PATHS)
            return bt_fail(error, BT_INVALID,
                           "--paths: \"%s\" is none of standard, plain-contiguous, plain, production, "
                           "production-fp32, production-bf16, production-int8",
                           names->names[i]);
        b->paths[b->path_count++] = &known_paths[p];
    }
    if (b->path_count == 0 || b->given->models.count == 0 || b->given->image_sizes.count == 0 ||
        b->given->batches.count == 0)
        return bt_fail(error, BT_INVALID,
                       "--models, --image-size, --batches, --paths: name at least one each");
    return BT_OK;
}

static bt_status run(bench *b, bt_error *error) {
    const settings *given = b->given;
    bt_status status = choose_paths(b, error);
    if (status == BT_OK) status = bt_backend_load(given->backend, NULL, error);
    if (status == BT_OK) status = open_buffers(b, error);
    if (status != BT_OK || given->serve) return status == BT_OK ? serve(b, error) : status;
    const size_t blocks = (size_t)(given->models.count * given->image_sizes.count);
    b->blocks = calloc(blocks, sizeof *b->blocks);
    b->cells = calloc(blocks * (size_t)(given->batches.count * b->path_count), sizeof *b->cells);
    if (!b->blocks || !b->cells) return bt_no_memory(error, "the cells");
    status = bench_all(b, error);
    if (status != BT_OK) return status;
    if (given->format == FORMAT_JSON) return print_json(b, error);
    status = print_table(b, error);
    return status == BT_OK ? print_peaks(b, error) : status;
}

int main(int argc, char **argv) {
    settings given;
    bt_option_sources sources;
    bt_error error;
    int code = bt_command_start(&command, argc, argv, &given, &sources, stdout, stderr);
    if (code >= 0) return code;
    bench b = {.given = &given};
    bt_status status = run(&b, &error);
    for (int i = 0; i < b.cell_count; i++)
        free(b.cells[i].samples_ms);
    for (int i = 0; i < b.block_count; i++)
        peaks_close(&b.blocks[i].peaks);
    free(b.cells);
    free(b.blocks);
    free(b.images);
    free(b.logits);
    code = status == BT_OK ? BT_EXIT_GOOD : bt_command_fail(&command, &error, stderr);
    const bool for_programs = given.format == FORMAT_JSON || given.serve;
    return bt_command_finish(&command, stdout, stderr, for_programs, code);
}
