/* Runs one batch through a network and writes the logits: the way to compare any path with any reference.
 *
 *   model-forward --model hrnet --counter-weights 20240917 --counter-input input/1x64x64 --shape 1,3,64,64 \
 *                 --precision fp32 --path standard --output logits.f32
 *
 * The output is the logits' float32 bytes, N x 1 x H x W. With --repeat N it also prints how long a batch
 * takes. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "inputs.h"

static const char usage[] =
    "usage: model-forward --model NAME --shape N,3,H,W [options]\n"
    "  --counter-weights SEED   weights from the counter generator (default 20240917)\n"
    "  --weights SOURCE         other weights: demo\n"
    "  --counter-input NAME     input from the counter generator under that name, and the weights' seed\n"
    "  --images-seed SEED       input of synthetic spheroids instead (default 1)\n"
    "  --precision fp32|bf16|fp16 (fp32)   --path standard|plain|production (standard)\n"
    "  --device cpu|cuda:N (cpu)           --threads N (all)\n"
    "  --backend NAME (torch)              --repeat N (0): time N more runs\n"
    "  --output FILE            where the logits go\n";

enum { EXIT_USAGE = 2 };

typedef struct forward_options {
    const char *model, *weights, *counter_weights, *counter_input, *precision, *path, *device, *backend,
        *output;
    int shape[4];
    int threads, repeat;
    uint64_t images_seed;
} forward_options;

static int wrong(const char *flag, const char *value, const char *right) {
    fprintf(stderr, "model-forward: %s %s: %s\n", flag, value, right);
    return EXIT_USAGE;
}

static int read_number(uint64_t *out, const char *flag, const char *text) {
    char *end;
    *out = strtoull(text, &end, 10);
    return *text < '0' || *text > '9' || *end ? wrong(flag, text, "give a whole number") : 0;
}

static int read_count(int *out, const char *flag, const char *text) {
    uint64_t number;
    int fault = read_number(&number, flag, text);
    if (fault == 0 && number > 1000000) fault = wrong(flag, text, "give at most 1000000");
    *out = fault ? 0 : (int)number;
    return fault;
}

static int read_shape(int shape[4], const char *text) {
    char more;
    if (sscanf(text, "%d,%d,%d,%d%c", &shape[0], &shape[1], &shape[2], &shape[3], &more) != 4 ||
        shape[0] < 1 || shape[1] != 3 || shape[2] < 1 || shape[3] < 1 || shape[2] > 16384 ||
        shape[3] > 16384 || shape[0] > 65536)
        return wrong("--shape", text, "give N,3,H,W");
    return 0;
}

static int parse(forward_options *options, int argc, char **argv) {
    static const struct option flags[] = {{"model", 1, NULL, 'm'},
                                          {"counter-weights", 1, NULL, 'c'},
                                          {"weights", 1, NULL, 'w'},
                                          {"shape", 1, NULL, 's'},
                                          {"counter-input", 1, NULL, 'i'},
                                          {"images-seed", 1, NULL, 'g'},
                                          {"path", 1, NULL, 'a'},
                                          {"precision", 1, NULL, 'p'},
                                          {"device", 1, NULL, 'd'},
                                          {"threads", 1, NULL, 't'},
                                          {"backend", 1, NULL, 'b'},
                                          {"repeat", 1, NULL, 'r'},
                                          {"output", 1, NULL, 'o'},
                                          {"help", 0, NULL, 'h'},
                                          {0}};
    int flag, fault = 0;
    while (fault == 0 && (flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'm':
            options->model = optarg;
            break;
        case 'c':
            options->counter_weights = optarg;
            break;
        case 'w':
            options->weights = optarg;
            break;
        case 's':
            fault = read_shape(options->shape, optarg);
            break;
        case 'i':
            options->counter_input = optarg;
            break;
        case 'g':
            fault = read_number(&options->images_seed, "--images-seed", optarg);
            break;
        case 'a':
            options->path = optarg;
            break;
        case 'p':
            options->precision = optarg;
            break;
        case 'd':
            options->device = optarg;
            break;
        case 't':
            fault = read_count(&options->threads, "--threads", optarg);
            break;
        case 'b':
            options->backend = optarg;
            break;
        case 'r':
            fault = read_count(&options->repeat, "--repeat", optarg);
            break;
        case 'o':
            options->output = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (fault) return fault;
    if (optind < argc) return wrong("argument", argv[optind], "not understood; see --help");
    if (!options->model || !options->shape[0]) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return 0;
}

static int choose_path(bt_path *out, const char *name) {
    static const char *const names[] = {"standard", "plain", "production"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (bt_path)i;
        return 0;
    }
    return wrong("--path", name, "give standard, plain or production");
}

static int open_session(bt_session **session, const forward_options *options, bt_error *error) {
    char weights[80];
    if (options->weights)
        snprintf(weights, sizeof weights, "%s", options->weights);
    else
        snprintf(weights, sizeof weights, "counter:%s", options->counter_weights);
    bt_session_options inside = {
        .backend = options->backend,
        .model = options->model,
        .weights = weights,
        .device = options->device,
        .height = options->shape[2],
        .width = options->shape[3],
        .threads = options->threads,
        .use_amp = strcmp(options->precision, "fp32") != 0,
        .use_channels_last = true,
        .use_cudnn_benchmark = true,
    };
    int fault = choose_path(&inside.path, options->path);
    if (fault) return fault;
    if (bt_session_open(session, &inside, error) != BT_OK) return 1;
    const bt_session_info *info = bt_session_describe(*session);
    if (strcmp(info->precision, options->precision) != 0 && info->computes_masks)
        return wrong("--precision", options->precision,
                     *info->precision_note ? info->precision_note : "this path and device compute otherwise");
    return 0;
}

static bt_status write_file(const char *path, const float *values, size_t count, bt_error *error) {
    FILE *file = fopen(path, "wbe");
    size_t written = file ? fwrite(values, sizeof *values, count, file) : 0;
    int closed = file ? fclose(file) : -1;
    if (written == count && closed == 0) return BT_OK;
    return bt_fail(error, BT_IO, "%s cannot be written", path);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bt_status time_runs(bt_session *session, const forward_options *options, const float *images,
                           float *logits, bt_error *error) {
    if (options->repeat == 0) return BT_OK;
    double *ms = calloc((size_t)options->repeat, sizeof *ms);
    if (!ms) return bt_no_memory(error, "timing %d runs", options->repeat);
    bt_status status = BT_OK;
    for (int i = 0; i < options->repeat && status == BT_OK; i++) {
        int64_t start_ns = bt_clock_now_ns();
        status = bt_session_run(session, options->shape[0], images, logits, error);
        ms[i] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    qsort(ms, (size_t)options->repeat, sizeof *ms, ascending);
    bt_memory memory = {0};
    if (status == BT_OK) status = bt_session_memory(session, &memory, error);
    printf("median %.2f ms, least %.2f ms over %d runs; peak memory %.0f MB, %.0f MB before opening\n",
           ms[options->repeat / 2], ms[0], options->repeat, (double)memory.used_peak_bytes / 1e6,
           (double)memory.before_bytes / 1e6);
    free(ms);
    return status;
}

static bt_status forward(bt_session *session, const forward_options *options, bt_error *error) {
    size_t pixels = (size_t)options->shape[0] * (size_t)options->shape[2] * (size_t)options->shape[3];
    float *images = calloc(3 * pixels, sizeof *images), *logits = calloc(pixels, sizeof *logits);
    bt_status status = BT_OK;
    if (!images || !logits)
        status = bt_no_memory(error, "a batch of %d", options->shape[0]);
    else if (options->counter_input)
        input_counter(images, 3 * pixels, options->counter_input,
                      strtoull(options->counter_weights, NULL, 10));
    else
        status = input_spheroids(images, NULL, options->images_seed, options->shape[0], options->shape[2],
                                 options->shape[3], error);
    if (status == BT_OK) status = bt_session_prepare(session, options->shape[0], error);
    if (status == BT_OK) status = bt_session_run(session, options->shape[0], images, logits, error);
    if (status == BT_OK && options->output) status = write_file(options->output, logits, pixels, error);
    if (status == BT_OK) status = time_runs(session, options, images, logits, error);
    free(images);
    free(logits);
    return status;
}

int main(int argc, char **argv) {
    forward_options options = {
        .counter_weights = "20240917",
        .precision = "fp32",
        .path = "standard",
        .device = "cpu",
        .backend = "torch",
        .images_seed = 1,
    };
    int code = parse(&options, argc, argv);
    if (code) return code;
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
    if (error.status == BT_INVALID || error.status == BT_UNSUPPORTED) code = EXIT_USAGE;
    bt_session_close(&session);
    return code;
}
