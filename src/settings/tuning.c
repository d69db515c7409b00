#include "settings/tuning.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "settings/by-model.h"
#include "settings/placement.h"
#include "settings/rows.h"
#include "settings/weights-source.h"

#define ROW(type, member)    BT_ROW(type, bt_settings, member)
#define ROW_DURATION(member) BT_ROW_DURATION(bt_settings, member)
#define PROMISE              .group = "The promise"
#define NETWORKS             .group = "The networks"
#define SERVICE              .group = "The service"
#define SEARCH               .group = "The search"
#define RUN                  .group = "This run", .scope = BT_SCOPE_COMMAND
#define ONCE                 .group = "This run", .scope = BT_SCOPE_ONCE

const bt_option bt_settings_table[] = {
    {BT_ROW_P95_SLA(bt_settings), .initial = "100", PROMISE,
     .help = "P95 latency promised: of a batch's service time in tuning, of a whole request in the capacity; "
             "a CPU's demonstration profile says 250."},
    {ROW(NUMBER, memory_reserve_percent), .initial = "10", BT_BOUNDS(0, 99), .placeholder = "PERCENT",
     PROMISE, .help = "Share of the device's memory that stays free."},
    {ROW(CHOICE, objective), .initial = "efficiency", .choices = "efficiency|throughput|latency|capacity",
     PROMISE,
     .help = "What the winner among the admissible batch sizes has most of: efficiency is throughput / "
             "sqrt(batch size); capacity is the rate up to which simulated requests keep the SLA, waiting "
             "included, and chooses the queue delay too unless --max-queue-delay-ms is given."},
    {ROW(TEXT, rate), .initial = "", .placeholder = "R|NAME=R,...", PROMISE,
     .help = "Requests/s that a model will get: takes the batch size and queue delay of lowest predicted P95 "
             "at that rate. Implies --objective capacity."},
    {ROW(NUMBER, min_mask_iou), .initial = "0.99", BT_BOUNDS(0, 1), .placeholder = "IOU", PROMISE,
     .help = "With trained weights, masks that agree less than this with the FP32 reference's cannot win."},

    {ROW(NAMES, models), .initial = BT_BUILT_IN_NETWORKS, .placeholder = "NAME,...", NETWORKS,
     .help = "Which networks to tune; those of --model-file unless given."},
    {BT_ROW_IMAGE_SIZE(bt_settings, 0), .initial = "0", NETWORKS,
     .help = "Height and width of the networks' input in pixels, a multiple of 32; 0: a model file's own, "
             "else 1024 on a GPU and 128 on a CPU."},
    {ROW(CHOICE, path), .initial = "production", .choices = "standard|plain|production", NETWORKS,
     .help = "How the networks run: production is the fastest that there is (on a CPU a plan compiled for "
             "each batch size), plain takes libtorch's own operators with AMP and channels_last, standard is "
             "FP32 and the reference."},
    {ROW(SWITCH, use_amp), .initial = "true", NETWORKS,
     .help = "Let --precision auto take the device's half: FP16 on CUDA, BF16 on a CPU that computes it."},
    {ROW(CHOICE, precision), .initial = "auto", .choices = BT_PRECISION_CHOICES, NETWORKS,
     .help =
         "In which numbers the networks compute: auto takes the fastest that --use-amp allows and whose "
         "masks agree, in a quick comparison; auto-int8 lets INT8 win as well (a CPU's plan alone has it); "
         "any other is taken as it is."},
    {ROW(SWITCH, use_channels_last), .initial = "true", NETWORKS,
     .help = "Activations and weights may be in NHWC order, where a comparison finds it faster."},
    {ROW(SWITCH, use_cudnn_benchmark), .initial = "true", NETWORKS,
     .help = "Let cuDNN time its algorithms and keep the fastest (CUDA only)."},
    {ROW(TEXT, device), .initial = "auto", .placeholder = "auto|cpu|cuda:N", NETWORKS,
     .help = "Where to run; auto takes the first GPU that works, else the CPU."},
    {ROW(TEXT, backend), .initial = "torch", .placeholder = "torch|plan|onnx|sim:KEY=VALUE,...", NETWORKS,
     .help =
         "What runs the batches: libtorch (on a CPU its production path is the compiled plan), the plan "
         "alone without libtorch, or a simulation that takes tau0_ms + alpha_ms * batch size. ONNX files are "
         "ONNX Runtime's with any of them; onnx is that alone."},
    {ROW(TEXT, weights), .initial = BT_WEIGHTS_DEMO, .placeholder = "demo|counter:SEED|FILE|MODEL=FILE,...",
     NETWORKS,
     .help =
         "The networks' parameters: the demonstration weights, seeded random ones, or " BT_WEIGHTS_FILE_HELP
         "; MODEL=FILE,... for each its own."},
    {ROW(TEXT, images), .placeholder = "FOLDER", NETWORKS,
     .help = "Pictures (PNG, JPEG, TIFF) to measure and compare masks on, resized to the networks' input: "
             "the first eight by name. Synthetic micrographs unless given."},
    {BT_ROW_WHITE(bt_settings), NETWORKS},
    {BT_ROW_PAGE(bt_settings), NETWORKS},
    {ROW(TEXT, model_file), .initial = "", .placeholder = "NAME=FILE,...", NETWORKS,
     .help =
         "Networks of your own under names of your own: TorchScript (.pt), ONNX (.onnx), packages that "
         "AOTInductor compiled (.pt2; {batch} in the file's name stands for the batch size), or lists of "
         "operations, which run as the built-in networks do (.list, with --weights NAME=FILE). All but lists "
         "are programs and run as such: give only files that you trust. NAME.json beside one may say its "
         "input_size, mean, std, classes and what else it takes and gives."},
    {BT_ROW_THREADS(bt_settings), NETWORKS,
     .help = "CPU threads of a model's every instance; 0: all that the process may use (within a container's "
             "CPU quota), shared out."},
    {ROW(INTEGER, instances), .initial = "0", BT_BOUNDS(0, BT_INSTANCES_MAX), .placeholder = "N", NETWORKS,
     .help = "Copies of a model that share a CPU, each on cores of its own; 0: the best of one, two, four, "
             "... in a quick comparison."},

    {BT_ROW_QUEUE_DELAY(bt_settings), .initial = "5", SERVICE,
     .help = "Longest that the service may hold a request back to fill its batch."},
    {BT_ROW_QUEUE_SIZE(bt_settings), .initial = "100", SERVICE,
     .help = "Requests that may wait; the next one is refused at once."},
    {BT_ROW_POLICY(bt_settings), .initial = "delay", SERVICE,
     .help = "How the service forms batches. delay: of all that wait, and each may wait for max_queue_delay. "
             "adaptive: it waits no longer than the next request is worth, by the gaps between those before "
             "it and by what running together saves; takes as many as answer the most in time; and answers "
             "at once what cannot make its deadline."},

    {ROW(SIZES, batches), .initial = "auto", .placeholder = "auto|N,N,...", SEARCH,
     .help =
         "Batch sizes to measure; auto doubles until the SLA, memory or a plateau stops it, then refines."},
    {ROW_DURATION(time_budget), .initial = "180s", BT_ABOVE(0, 86400), .placeholder = "TIME", SEARCH,
     .help =
         "Bound on the time spent measuring, all models together; what is not decided by then is undecided."},
    {BT_ROW_SEED(bt_settings), SEARCH, .help = "Seed of the images and of the order of measurements."},

    {ROW(TEXT, profile), .initial = "", .placeholder = "NAME", RUN,
     .help = "Settings from configs/profiles/NAME.json; a CPU takes cpu-demo by itself."},
    {ROW(TEXT, config), .initial = "", .placeholder = "FILE", ONCE,
     .help = "Settings from a JSON file with these names as keys; flags win over it."},
    {ROW(SWITCH, resume), .initial = "false", ONCE,
     .help = "Go on with the latest run that was cut off; its measurements are kept."},
    {ROW(SWITCH, mpi), .initial = "false", RUN,
     .help = "The processes that mpirun started share the measuring: each measures the sizes that it is "
             "dealt, on its "
             "own GPU or slice of the cores. Needs a build with MPI=1."},
    {ROW(SWITCH, require_sla), .initial = "false", RUN,
     .help = "Exit with 3 when a model has no batch size that keeps the promise."},
    {ROW(TEXT, output), .initial = BT_USUAL_CONFIG, .placeholder = "FILE", RUN,
     .help = "The config file to write; entries of models that are not tuned now stay."},
    {ROW(TEXT, export_triton), .initial = "", .placeholder = "FOLDER", RUN,
     .help = "Also write the config as a model repository for NVIDIA's Triton, as export-triton does."},
    {ROW(NUMBER, plan_rate), .initial = "0", BT_BOUNDS(0, BT_RATE_MOST_RPS), .placeholder = "RPS", RUN,
     .help = "Also say how many replicas of each model such a rate takes, and when to have more or fewer, as "
             "plan-replicas does of the config. It changes nothing that is chosen; 0: not asked."},
    {ROW(SWITCH, force), .initial = "false", ONCE,
     .help = "Let a simulation or a CPU's demonstration take the place of an entry that says more."},
    {ROW(TEXT, results), .initial = "results", .placeholder = "FOLDER", RUN,
     .help = "Where the record, report and log of a run are kept."},
    {BT_ROW_PLOTS(bt_settings), RUN},
    {ROW(CHOICE, format), .initial = "table", .choices = "table|json|csv|markdown|html", RUN,
     .help = "How the result is printed."},
    {BT_ROW_QUIET(bt_settings), RUN},
};

const size_t bt_settings_count = sizeof bt_settings_table / sizeof bt_settings_table[0];

/* ---- what holds for one model ---- */

static const char *const model_rows[] = {"p95_sla_ms",
                                         "memory_reserve_percent",
                                         "objective",
                                         "min_mask_iou",
                                         "image_size",
                                         "path",
                                         "use_amp",
                                         "precision",
                                         "use_channels_last",
                                         "use_cudnn_benchmark",
                                         "device",
                                         "backend",
                                         "weights",
                                         "threads",
                                         "max_queue_delay_ms",
                                         "max_queue_size",
                                         "policy"};

static bt_rows model_table;
static pthread_once_t model_table_made = PTHREAD_ONCE_INIT;

static void make_model_table(void) {
    for (size_t i = 0; i < sizeof model_rows / sizeof *model_rows; i++)
        bt_rows_take(&model_table, bt_settings_table, bt_settings_count, model_rows[i]);
}

const bt_option *bt_settings_model_table(size_t *count) {
    pthread_once(&model_table_made, make_model_table);
    *count = model_table.count;
    return model_table.rows;
}

/* ---- files of settings ---- */

static bt_status read_file(bt_settings *settings, bt_option_sources *sources, bt_option_source source,
                           const char *path, bt_error *error) {
    json_t *json;
    bt_status status = bt_json_load(&json, path, error);
    if (status != BT_OK) return status;
    status = bt_options_read_json(bt_settings_table, bt_settings_count, json, source, path, settings, sources,
                                  error);
    json_decref(json);
    return status;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* "cpu-demo, strict-latency": the profiles in a folder; empty where it cannot be read. */
static void list_profiles(const char *folder, char *out, size_t size) {
    static const char ending[] = ".json";
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_bytes);
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name, *end = strstr(name, ending);
        if (end && end[sizeof ending - 1] == '\0')
            bt_text_append(out, size, "%s%.*s", *out ? ", " : "", (int)(end - name), name);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

bt_status bt_settings_read_profile(bt_settings *settings, bt_option_sources *sources, const char *name,
                                   bt_error *error) {
    char program[BT_PATH_SIZE], path[BT_PATH_SIZE], known[BT_ERROR_MESSAGE_SIZE] = "";
    bt_status status = bt_path_of_program(program, error);
    if (status != BT_OK) return status;
    if (name[0] == '\0' || strchr(name, '/'))
        return bt_fail(error, BT_INVALID, "--profile: \"%s\" is no profile's name, e.g. strict-latency",
                       name);
    const char *const folders[] = {"configs/profiles", "/../../configs/profiles",
                                   "/../share/batchtune/profiles"};
    for (int i = 0; i < 3; i++) {
        status = bt_path_join(path, error, "%s%s/%s.json", i > 0 ? program : "", folders[i], name);
        if (status != BT_OK) return status;
        if (bt_file_exists(path)) return read_file(settings, sources, BT_SOURCE_PROFILE, path, error);
        *strrchr(path, '/') = '\0';
        if (!known[0]) list_profiles(path, known, sizeof known);
    }
    return bt_fail(error, BT_INVALID, "--profile: there is no configs/profiles/%s.json; there are: %s", name,
                   known[0] ? known : "none");
}

bt_status bt_settings_read_config(bt_settings *settings, bt_option_sources *sources, bt_error *error) {
    if (settings->config[0] == '\0') return BT_OK;
    return read_file(settings, sources, BT_SOURCE_CONFIG, settings->config, error);
}

static bt_status read_rate(double *out, const char *text, bt_error *error) {
    char *end;
    const double rate_rps = bt_text_read_number(text, &end);
    if (text[strspn(text, "0123456789.e+-")] || end == text || *end ||
        !(rate_rps >= BT_RATE_LEAST_RPS && rate_rps <= BT_RATE_MOST_RPS))
        return bt_fail(error, BT_INVALID, "--rate: \"%.64s\" is no rate of %g to %g requests/s", text,
                       BT_RATE_LEAST_RPS, BT_RATE_MOST_RPS);
    *out = rate_rps;
    return BT_OK;
}

bt_status bt_settings_rate(double *out, const bt_settings *settings, const char *model, bt_error *error) {
    char own[BT_OPTION_TEXT_SIZE];
    *out = 0;
    if (!settings->rate[0]) return BT_OK;
    if (!bt_by_model_is_map(settings->rate)) return read_rate(out, settings->rate, error);
    bt_status status = bt_by_model_find(own, settings->rate, model, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--rate");
    return own[0] ? read_rate(out, own, error) : BT_OK;
}

const char *bt_objective_name(bt_objective objective) {
    switch (objective) {
    case BT_OBJECTIVE_EFFICIENCY:
        return "efficiency";
    case BT_OBJECTIVE_THROUGHPUT:
        return "throughput";
    case BT_OBJECTIVE_LATENCY:
        return "latency";
    case BT_OBJECTIVE_CAPACITY:
        return "capacity";
    case BT_OBJECTIVE_COUNT:
        break;
    }
    return "unknown";
}
