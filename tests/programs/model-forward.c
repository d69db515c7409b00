/* Runs one batch through a network and writes the logits: the way to compare any path with any reference.
 *
 *   model-forward --model hrnet --counter-weights 20240917 --counter-input input/1x64x64 --shape 1,3,64,64 \
 *                 --precision fp32 --path standard --output logits.f32
 *
 * The output is the logits' float32 bytes, N x classes x H x W. With --repeat N it also prints how long a batch
 * takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "inputs.h"
#include "program-options.h"

typedef struct forward_options {
    char model[BT_OPTION_TEXT_SIZE], model_file[BT_OPTION_TEXT_SIZE], input[BT_OPTION_TEXT_SIZE],
        weights[BT_OPTION_TEXT_SIZE], shape[BT_OPTION_TEXT_SIZE], counter_input[BT_OPTION_TEXT_SIZE],
        device[BT_OPTION_TEXT_SIZE], backend[BT_OPTION_TEXT_SIZE], output[BT_OPTION_TEXT_SIZE];
    int64_t counter_weights, images_seed, threads, repeat;
    int precision, path;
    int batch, height, width; /* of `shape` */
} forward_options;

#define VALUE(name) #name, .offset = offsetof(forward_options, name)
#define SEED        .type = BT_OPTION_INTEGER, .minimum = 0, .maximum = 1e15, .placeholder = "SEED"
#define COUNT       .type = BT_OPTION_INTEGER, .minimum = 0, .maximum = 1e6, .placeholder = "N"

static const char *const precisions[] = {"fp32", "bf16", "fp16"};

static const bt_option table[] = {
    {VALUE(model), .type = BT_OPTION_TEXT, .placeholder = "NAME", .help = "Needed."},
    {VALUE(shape), .type = BT_OPTION_TEXT, .placeholder = "N,3,H,W", .help = "Needed."},
    {VALUE(model_file), .type = BT_OPTION_TEXT, .placeholder = "FILE",
     .help = "A user's network, under that name."},
    {VALUE(counter_weights), SEED, .initial = "20240917", .help = "Weights from the counter generator."},
    {VALUE(weights), .type = BT_OPTION_TEXT, .placeholder = "SOURCE", .help = "Other weights: demo."},
    {VALUE(counter_input), .type = BT_OPTION_TEXT, .placeholder = "NAME",
     .help = "Input from the counter generator under that name, and the weights' seed."},
    {VALUE(images_seed), SEED, .initial = "1", .help = "Input of synthetic spheroids instead."},
    {VALUE(input), .type = BT_OPTION_TEXT, .placeholder = "FILE", .help = "Input of float32 bytes instead."},
    {VALUE(precision), .type = BT_OPTION_CHOICE, .initial = "fp32", .choices = "fp32|bf16|fp16",
     .help = "What convolutions compute in."},
    {VALUE(path), .type = BT_OPTION_CHOICE, .initial = "standard", .choices = "standard|plain|production",
     .help = "How it is computed."},
    {VALUE(device), .type = BT_OPTION_TEXT, .initial = "cpu", .placeholder = "cpu|cuda:N"},
    {VALUE(threads), COUNT, .help = "All where not given."},
    {VALUE(backend), .type = BT_OPTION_TEXT, .initial = "torch", .placeholder = "NAME"},
    {VALUE(repeat), COUNT, .help = "Times so many more runs."},
    {VALUE(output), .type = BT_OPTION_TEXT, .placeholder = "FILE", .help = "Where the logits go."},
};

static const program_options command = {"model-forward", "--model NAME --shape N,3,H,W [options]", table,
                                        sizeof table / sizeof *table};

static int read_shape(forward_options *options) {
    int channels;
    char more;
    if (!*options->model) return program_options_refuse(&command, "--model", "", "give a network's name");
    if (sscanf(options->shape, "%d,%d,%d,%d%c", &options->batch, &channels, &options->height, &options->width,
               &more) != 4 ||
        options->batch < 1 || options->batch > BT_BATCH_MAX || channels != 3 || options->height < 1 ||
        options->height > 16384 || options->width < 1 || options->width > 16384)
        return program_options_refuse(&command, "--shape", options->shape, "give N,3,H,W");
    return 0;
}

static int open_session(bt_session **session, const forward_options *options, bt_error *error) {
    char weights[BT_OPTION_TEXT_SIZE];
    const char *precision = precisions[options->precision];
    if (*options->weights)
        snprintf(weights, sizeof weights, "%s", options->weights);
    else
        snprintf(weights, sizeof weights, "counter:%lld", (long long)options->counter_weights);
    const bt_session_options inside = {
        .backend = options->backend,
        .model = options->model,
        .model_file = options->model_file,
        .weights = weights,
        .device = options->device,
        .path = (bt_path)options->path,
        .height = options->height,
        .width = options->width,
        .threads = (int)options->threads,
        .use_amp = options->precision > 0,
        .use_channels_last = true,
        .use_cudnn_benchmark = true,
    };
    if (bt_session_open(session, &inside, error) != BT_OK) return 1;
    const bt_session_info *info = bt_session_describe(*session);
    if (*info->found_note) printf("found: %s\n", info->found_note);
    if (strcmp(info->precision, precision) != 0 && info->computes_masks && !*options->model_file)
        return program_options_refuse(&command, "--precision", precision,
                                      *info->precision_note ? info->precision_note
                                                            : "this path and device compute otherwise");
    return 0;
}

static bt_status write_file(const char *path, const float *values, size_t count, bt_error *error) {
    FILE *file = fopen(path, "wbe");
    size_t written = file ? fwrite(values, sizeof *values, count, file) : 0;
    int closed = file ? fclose(file) : -1;
    if (written == count && closed == 0) return BT_OK;
    return bt_fail(error, BT_IO, "%s cannot be written", path);
}

static bt_status read_file(const char *path, float *values, size_t count, bt_error *error) {
    FILE *file = fopen(path, "rbe");
    const size_t got = file ? fread(values, sizeof *values, count, file) : 0;
    if (file) fclose(file);
    return got == count ? BT_OK
                        : bt_fail(error, BT_IO, "%s has not the %zu floats of that shape", path, count);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bt_status time_runs(bt_session *session, const forward_options *options, const float *images,
                           float *logits, bt_error *error) {
    const int count = (int)options->repeat;
    if (count == 0) return BT_OK;
    double *ms = calloc((size_t)count, sizeof *ms);
    if (!ms) return bt_no_memory(error, "timing %d runs", count);
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++) {
        int64_t start_ns = bt_clock_now_ns();
        status = bt_session_run(session, options->batch, images, logits, error);
        ms[i] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    qsort(ms, (size_t)count, sizeof *ms, ascending);
    bt_memory memory = {0};
    if (status == BT_OK) status = bt_session_memory(session, &memory, error);
    printf("median %.2f ms, least %.2f ms over %d runs; peak memory %.0f MB, %.0f MB before opening\n",
           ms[count / 2], ms[0], count, (double)memory.used_peak_bytes / 1e6,
           (double)memory.before_bytes / 1e6);
    free(ms);
    return status;
}

static bt_status forward(bt_session *session, const forward_options *options, bt_error *error) {
    const size_t pixels = (size_t)options->batch * (size_t)options->height * (size_t)options->width;
    const size_t values = pixels * (size_t)bt_session_describe(session)->classes;
    float *images = calloc(3 * pixels, sizeof *images), *logits = calloc(values, sizeof *logits);
    bt_status status = BT_OK;
    if (!images || !logits)
        status = bt_no_memory(error, "a batch of %d", options->batch);
    else if (*options->input)
        status = read_file(options->input, images, 3 * pixels, error);
    else if (*options->counter_input)
        input_counter(images, 3 * pixels, options->counter_input, (uint64_t)options->counter_weights);
    else
        status = input_spheroids(images, NULL, (uint64_t)options->images_seed, options->batch,
                                 options->height, options->width, error);
    if (status == BT_OK) status = bt_session_prepare(session, options->batch, error);
    if (status == BT_OK) status = bt_session_run(session, options->batch, images, logits, error);
    if (status == BT_OK && *options->output) status = write_file(options->output, logits, values, error);
    if (status == BT_OK) status = time_runs(session, options, images, logits, error);
    free(images);
    free(logits);
    return status;
}

int main(int argc, char **argv) {
    static forward_options options;
    int code = program_options_read(&command, argc, argv, &options);
    if (code < 0) code = read_shape(&options) ? PROGRAM_USAGE : -1;
    if (code >= 0) return code;
    bt_session *session = NULL;
    bt_error error = {0};
    code = open_session(&session, &options, &error);
    if (code == 0) {
        const bt_session_info *info = bt_session_describe(session);
        printf("%s (%s) on %s, %s, %d threads, weights %s\n", info->backend, info->backend_detail,
               info->device, info->precision, info->threads, info->weights);
        if (*info->precision_note) printf("%s\n", info->precision_note);
        code = forward(session, &options, &error) != BT_OK;
    }
    if (error.status != BT_OK) fprintf(stderr, "model-forward: %s\n", error.message);
    if (error.status == BT_INVALID || error.status == BT_UNSUPPORTED) code = PROGRAM_USAGE;
    bt_session_close(&session);
    return code;
}
