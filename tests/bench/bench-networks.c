/* bench-networks: the paths of a network against each other, in one run.
 *
 * All sessions are open at once and take turns, image size by image size: each iteration runs every batch
 * size on every path, so that a slow spell of the machine falls on all of them. A run that follows another
 * session's is not timed: it finds caches and threads as the other left them. Prints figures and judges none.
 *
 * With --serve it takes its turns from somebody else, who interleaves it with other programs (peers.py): a
 * line "BATCH RUNS" on standard input is answered by a line of JSON with so many times. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/cores.h"
#include "inputs.h"
#include "measure/quantile.h"
#include "networks/network.h"
#include "report/table.h"
#include "tune/team.h"

enum { FORMAT_TABLE, FORMAT_JSON };

/* What the columns are called, and what a session of each is. */
static const struct path {
    const char *name;
    bt_path path;
    bool use_amp, use_channels_last;
} known_paths[] = {
    {"standard", BT_PATH_STANDARD, false, false},
    {"plain-contiguous", BT_PATH_PLAIN, true, false},
    {"plain", BT_PATH_PLAIN, true, true},
    {"production", BT_PATH_PRODUCTION, true, true},
    {"production-fp32", BT_PATH_PRODUCTION, false, true},
};

#define KNOWN_PATHS ((int)(sizeof known_paths / sizeof *known_paths))
#define PATHS_MAX   BT_NAMES_MAX

typedef struct settings {
    bt_names models, paths;
    bt_sizes image_sizes, batches;
    int64_t iterations, threads, instances;
    char weights[BT_OPTION_TEXT_SIZE], backend[BT_OPTION_TEXT_SIZE], device[BT_OPTION_TEXT_SIZE];
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
    {OPTION(paths), .type = BT_OPTION_NAMES, .initial = "standard,plain-contiguous,plain,production",
     .placeholder = "NAME,...", .group = "What to run",
     .help = "standard (FP32, contiguous, libtorch), plain-contiguous and plain (libtorch with AMP; plain in "
             "channels_last), production (on a CPU the compiled plan), production-fp32 (the same without "
             "AMP)."},
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
             "answered by {\"ms\": [...]}."},
    {OPTION(quiet), .type = BT_OPTION_SWITCH, .initial = "false", .group = "How", .help = "No progress."},
};

static const bt_command command = {
    .name = "bench-networks",
    .summary = "Times the paths of the networks against each other: interleaved, in one run, medians. "
               "Latencies and\nimages/s are of whole batches; ratios are against the other paths of the same "
               "row.",
    .usage = "[options]",
    .examples = "  bench-networks --models hrnet --image-size 256 --batches 1,4 --iterations 10\n"
                "  bench-networks --image-size 128,256,512 --batches 1,2,4,8 --format json >networks.json\n",
    .table = table,
    .count = sizeof table / sizeof *table,
};

/* One cell of the result: a path at one size, with its samples. */
typedef struct cell {
    const char *model;
    int image_size, batch;
    const struct path *path;
    double *samples_ms; /* iterations */
    double median_ms;
    bt_session_info info;
} cell;

typedef struct bench {
    const settings *given;
    const struct path *paths[PATHS_MAX];
    int path_count;
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
                                .use_cudnn_benchmark = true};
}

static int largest(const bt_sizes *sizes) {
    return sizes->sizes[sizes->count - 1];
}

/* Room for the largest batch of the largest size, filled with made-up images. */
static bt_status open_buffers(bench *b, bt_error *error) {
    size_t pixels = (size_t)largest(&b->given->batches) * (size_t)largest(&b->given->image_sizes) *
                    (size_t)largest(&b->given->image_sizes);
    b->images = malloc(3 * pixels * sizeof *b->images);
    b->logits = malloc(pixels * sizeof *b->logits);
    if (!b->images || !b->logits) return bt_no_memory(error, "%zu pixels", pixels);
    input_counter(b->images, 3 * pixels, "bench-networks", 1);
    return BT_OK;
}

static bt_status time_run(const bench *b, bt_session *session, int batch, double *ms, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_session_run(session, batch, b->images, b->logits, error);
    *ms = bt_ms(bt_clock_now_ns() - start_ns);
    return status;
}

/* The cells of one model and size: path by path, batch by batch. */
static bt_status bench_size(bench *b, const char *model, int size, bt_error *error) {
    const settings *given = b->given;
    bt_session *sessions[PATHS_MAX] = {NULL};
    cell *cells = b->cells + b->cell_count;
    double ignored_ms;
    bt_status status = BT_OK;
    for (int p = 0; p < b->path_count && status == BT_OK; p++) {
        if (!given->quiet)
            fprintf(stderr, "bench-networks: %s, %d px: preparing the %s path\n", model, size,
                    b->paths[p]->name);
        const bt_session_options options = session_options(given, model, size, b->paths[p]);
        status = bt_session_open(&sessions[p], &options, error);
        for (int i = 0; i < given->batches.count && status == BT_OK; i++) {
            cell *c = &cells[p * given->batches.count + i];
            *c = (cell){.model = model,
                        .image_size = size,
                        .batch = given->batches.sizes[i],
                        .path = b->paths[p],
                        .info = *bt_session_describe(sessions[p])};
            b->cell_count++;
            c->samples_ms = calloc((size_t)given->iterations, sizeof *c->samples_ms);
            if (!c->samples_ms) status = bt_no_memory(error, "the samples");
            if (status == BT_OK) status = bt_session_prepare(sessions[p], c->batch, error);
            if (status == BT_OK) status = time_run(b, sessions[p], c->batch, &ignored_ms, error);
        }
    }
    for (int64_t i = 0; i < given->iterations && status == BT_OK; i++) {
        if (!given->quiet)
            fprintf(stderr, "bench-networks: %s, %d px: %lld of %lld\n", model, size, (long long)i + 1,
                    (long long)given->iterations);
        for (int j = 0; j < given->batches.count; j++)
            for (int p = 0; p < b->path_count && status == BT_OK; p++) {
                cell *c = &cells[p * given->batches.count + j];
                status = time_run(b, sessions[p], c->batch, &ignored_ms, error);
                if (status == BT_OK) status = time_run(b, sessions[p], c->batch, &c->samples_ms[i], error);
            }
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
        for (int s = 0; s < given->image_sizes.count && status == BT_OK; s++)
            status = bench_size(b, given->models.names[m], given->image_sizes.sizes[s], error);
    return status == BT_OK ? take_medians(b, error) : status;
}

/* ---- telling ---- */

/* "2.61" times as fast as `name`'s cell of the same row; unknown where that was not run. */
static void add_ratio(bt_table *t, const bench *b, const cell *c, const char *name) {
    for (int i = 0; i < b->cell_count; i++) {
        const cell *other = &b->cells[i];
        if (strcmp(other->path->name, name) != 0 || strcmp(other->model, c->model) != 0 ||
            other->image_size != c->image_size || other->batch != c->batch)
            continue;
        bt_table_number(t, other->median_ms / c->median_ms, 2);
        return;
    }
    bt_table_unknown(t);
}

static bt_status print_table(const bench *b, bt_error *error) {
    static const bt_column columns[] = {{"model", false},   {"size", true},       {"batch", true},
                                        {"path", false},    {"precision", false}, {"median ms", true},
                                        {"images/s", true}, {"× standard", true}, {"× plain", true}};
    bt_table *t;
    bt_status status = bt_table_open(&t, columns, sizeof columns / sizeof *columns, error);
    if (status != BT_OK) return status;
    const int paths = b->path_count, batches = b->given->batches.count;
    for (int first = 0; first < b->cell_count; first += paths * batches)
        for (int j = 0; j < batches; j++)
            for (int p = 0; p < paths; p++) {
                const cell *c = &b->cells[first + p * batches + j];
                bt_table_text(t, "%s", c->model);
                bt_table_text(t, "%d", c->image_size);
                bt_table_text(t, "%d", c->batch);
                bt_table_text(t, "%s", c->path->name);
                bt_table_text(t, "%s", c->info.precision);
                bt_table_number(t, c->median_ms, 2);
                bt_table_number(t, 1e3 * c->batch / c->median_ms, 2);
                add_ratio(t, b, c, "standard");
                add_ratio(t, b, c, "plain");
            }
    status = bt_table_write_text(t, 0, 100, stdout, error);
    bt_table_close(&t);
    return status;
}

static json_t *samples_json(const double *samples_ms, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(samples_ms[i]));
    return array;
}

static bt_status print_json(const bench *b, bt_error *error) {
    json_t *results = json_array();
    for (int i = 0; i < b->cell_count; i++) {
        const cell *c = &b->cells[i];
        json_array_append_new(results, json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:i, s:f, s:o}", "model",
                                                 c->model, "image_size", c->image_size, "batch_size",
                                                 c->batch, "path", c->path->name, "precision",
                                                 c->info.precision, "backend", c->info.backend, "threads",
                                                 c->info.threads, "median_ms", c->median_ms, "samples_ms",
                                                 samples_json(c->samples_ms, b->given->iterations)));
    }
    json_t *whole = json_pack("{s:s, s:o}", "machine", b->cell_count > 0 ? b->cells[0].info.device : "",
                              "results", results);
    int written = whole ? json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : -1;
    json_decref(whole);
    putchar('\n');
    return written == 0 ? BT_OK : bt_fail(error, BT_IO, "the results could not be written");
}

/* ---- turns ---- */

/* What a batch takes of the machine's time: of instances that run together each batch takes its part. */
static bt_status answer(const bench *b, bt_team *team, int batch, int runs, bt_error *error) {
    const int instances = (int)b->given->instances, size = b->given->image_sizes.sizes[0];
    double *samples_ms = calloc((size_t)runs, sizeof *samples_ms);
    if (!samples_ms) return bt_no_memory(error, "%d samples", runs);
    bt_status status = bt_team_prepare(team, batch, (size_t)size * (size_t)size, error);
    if (status == BT_OK) status = bt_team_time(team, batch, runs, b->images, b->logits, samples_ms, error);
    for (int i = 0; i < runs; i++)
        samples_ms[i] /= instances;
    json_t *line = json_pack("{s:o}", "ms", samples_json(samples_ms, runs));
    if (status == BT_OK && json_dumpf(line, stdout, JSON_COMPACT) != 0)
        status = bt_fail(error, BT_IO, "a turn's times could not be written");
    json_decref(line);
    free(samples_ms);
    putchar('\n');
    fflush(stdout);
    return status;
}

static bt_status serve(const bench *b, bt_error *error) {
    char line[64];
    bt_team *team;
    bt_session_options options =
        session_options(b->given, b->given->models.names[0], b->given->image_sizes.sizes[0], b->paths[0]);
    if (b->given->instances > 1)
        options.threads =
            (options.threads > 0 ? options.threads : bt_cores_count()) / (int)b->given->instances;
    bt_status status = bt_team_open(&team, &options, (int)b->given->instances, error);
    while (status == BT_OK && fgets(line, sizeof line, stdin)) {
        int batch, runs;
        if (sscanf(line, "%d %d", &batch, &runs) != 2 || batch < 1 || batch > largest(&b->given->batches) ||
            runs < 1)
            status =
                bt_fail(error, BT_INVALID, "a turn is \"BATCH RUNS\", with a batch of --batches at most");
        else
            status = answer(b, team, batch, runs, error);
    }
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
                           "production-fp32",
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
    if (status == BT_OK) status = bt_backend_load(given->backend, error);
    if (status == BT_OK) status = open_buffers(b, error);
    if (status != BT_OK || given->serve) return status == BT_OK ? serve(b, error) : status;
    b->cells = calloc(
        (size_t)(given->models.count * given->image_sizes.count * given->batches.count * b->path_count),
        sizeof *b->cells);
    if (!b->cells) return bt_no_memory(error, "the cells");
    status = bench_all(b, error);
    if (status != BT_OK) return status;
    return given->format == FORMAT_JSON ? print_json(b, error) : print_table(b, error);
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
    free(b.cells);
    free(b.images);
    free(b.logits);
    code = status == BT_OK ? BT_EXIT_GOOD : bt_command_fail(&command, &error, stderr);
    const bool for_programs = given.format == FORMAT_JSON || given.serve;
    return bt_command_finish(&command, stdout, stderr, for_programs, code);
}
