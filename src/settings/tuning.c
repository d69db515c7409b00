#include "settings/tuning.h"

#include <assert.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "settings/picture-rows.h"
#include "settings/weights.h"

#define VALUE(field) .offset = offsetof(bt_settings, field)

const bt_option bt_settings_table[] = {
    {.name = "p95_sla_ms",
     .type = BT_OPTION_NUMBER,
     VALUE(p95_sla_ms),
     .initial = "100",
     .minimum = 0,
     .maximum = 3.6e6,
     .above_minimum = true,
     .placeholder = "MS",
     .group = "The promise",
     .help = "P95 latency promised: of a batch's service time in tuning, of a whole request in the capacity; "
             "a CPU's demonstration profile says 250."},
    {.name = "memory_reserve_percent",
     .type = BT_OPTION_NUMBER,
     VALUE(memory_reserve_percent),
     .initial = "10",
     .minimum = 0,
     .maximum = 99,
     .placeholder = "PERCENT",
     .group = "The promise",
     .help = "Share of the device's memory that stays free."},
    {.name = "objective",
     .type = BT_OPTION_CHOICE,
     VALUE(objective),
     .initial = "efficiency",
     .choices = "efficiency|throughput|latency",
     .group = "The promise",
     .help = "What the winner among the admissible batch sizes has most of: efficiency is throughput / "
             "sqrt(batch size)."},
    {.name = "min_mask_iou",
     .type = BT_OPTION_NUMBER,
     VALUE(min_mask_iou),
     .initial = "0.99",
     .minimum = 0,
     .maximum = 1,
     .placeholder = "IOU",
     .group = "The promise",
     .help = "With trained weights, masks that agree less than this with the FP32 reference's cannot win."},

    {.name = "models",
     .type = BT_OPTION_NAMES,
     VALUE(models),
     .initial = "hrnet,cbam_resunet",
     .placeholder = "NAME,...",
     .group = "The networks",
     .help = "Which networks to tune; those of --model-file unless given."},
    {.name = "image_size",
     .type = BT_OPTION_INTEGER,
     VALUE(image_size),
     .initial = "0",
     .minimum = 0,
     .maximum = 8192,
     .placeholder = "N",
     .group = "The networks",
     .help = "Height and width of the networks' input in pixels, a multiple of 32; 0: a model file's "
             "own, else 1024 on a GPU and 128 on a CPU."},
    {.name = "path",
     .type = BT_OPTION_CHOICE,
     VALUE(path),
     .initial = "production",
     .choices = "standard|plain|production",
     .group = "The networks",
     .help =
         "How the networks run: production is the fastest that there is (on a CPU a plan compiled for each "
         "batch size), plain takes libtorch's own operators with AMP and channels_last, standard is FP32 "
         "and the reference."},
    {.name = "use_amp",
     .type = BT_OPTION_SWITCH,
     VALUE(use_amp),
     .initial = "true",
     .group = "The networks",
     .help = "Automatic mixed precision: FP16 on CUDA, BF16 on a CPU that computes it."},
    {.name = "use_channels_last",
     .type = BT_OPTION_SWITCH,
     VALUE(use_channels_last),
     .initial = "true",
     .group = "The networks",
     .help = "Activations and weights in NHWC order."},
    {.name = "use_cudnn_benchmark",
     .type = BT_OPTION_SWITCH,
     VALUE(use_cudnn_benchmark),
     .initial = "true",
     .group = "The networks",
     .help = "Let cuDNN time its algorithms and keep the fastest (CUDA only)."},
    {.name = "device",
     .type = BT_OPTION_TEXT,
     VALUE(device),
     .initial = "auto",
     .placeholder = "auto|cpu|cuda:N",
     .group = "The networks",
     .help = "Where to run; auto takes the first GPU that works, else the CPU."},
    {.name = "backend",
     .type = BT_OPTION_TEXT,
     VALUE(backend),
     .initial = "torch",
     .placeholder = "torch|plan|sim:KEY=VALUE,...",
     .group = "The networks",
     .help = "What runs the batches: libtorch (on a CPU its production path is the compiled plan), the plan "
             "alone without libtorch, or a simulation that takes tau0_ms + alpha_ms * batch size."},
    {.name = "weights",
     .type = BT_OPTION_TEXT,
     VALUE(weights),
     .initial = "demo",
     .placeholder = "demo|counter:SEED|FILE|MODEL=FILE,...",
     .group = "The networks",
     .help =
         "The networks' parameters: the demonstration weights, seeded random ones, or " BT_WEIGHTS_FILE_HELP
         "; MODEL=FILE,... for each its own."},
    {.name = "images",
     .type = BT_OPTION_TEXT,
     VALUE(images),
     .placeholder = "FOLDER",
     .group = "The networks",
     .help =
         "Pictures (PNG, JPEG, TIFF) to measure and compare masks on, resized to the networks' input: the "
         "first eight by name. Synthetic micrographs unless given."},
    BT_PICTURE_ROWS(bt_settings, .group = "The networks"),
    {.name = "model_file",
     .type = BT_OPTION_TEXT,
     VALUE(model_file),
     .initial = "",
     .placeholder = "NAME=FILE,...",
     .group = "The networks",
     .help = "Networks of your own under names of your own: TorchScript (.pt), or packages that AOTInductor "
             "compiled (.pt2; {batch} in the file's name stands for the batch size). They are programs and "
             "run as such: give only files that you trust. NAME.json beside one may say its input_size, "
             "mean, std and output (logits or probabilities)."},
    {.name = "threads",
     .type = BT_OPTION_INTEGER,
     VALUE(threads),
     .initial = "0",
     .minimum = 0,
     .maximum = 1024,
     .placeholder = "N",
     .group = "The networks",
     .help = "CPU threads of a model's every instance; 0: all that the process may use (within a container's "
             "CPU quota), shared out."},
    {.name = "instances",
     .type = BT_OPTION_INTEGER,
     VALUE(instances),
     .initial = "0",
     .minimum = 0,
     .maximum = 16,
     .placeholder = "N",
     .group = "The networks",
     .help =
         "Copies of a model that share a CPU, each on cores of its own; 0: the best of one, two, four, ... "
         "in a quick comparison."},

    {.name = "max_queue_delay_ms",
     .type = BT_OPTION_NUMBER,
     VALUE(max_queue_delay_ms),
     .initial = "5",
     .minimum = 0,
     .maximum = 60000,
     .placeholder = "MS",
     .group = "The service",
     .help = "Longest that the service may hold a request back to fill its batch."},
    {.name = "max_queue_size",
     .type = BT_OPTION_INTEGER,
     VALUE(max_queue_size),
     .initial = "100",
     .minimum = 1,
     .maximum = 1000000,
     .placeholder = "N",
     .group = "The service",
     .help = "Requests that may wait; the next one is refused at once."},

    {.name = "batches",
     .type = BT_OPTION_SIZES,
     VALUE(batches),
     .initial = "auto",
     .placeholder = "auto|N,N,...",
     .group = "The search",
     .help =
         "Batch sizes to measure; auto doubles until the SLA, memory or a plateau stops it, then refines."},
    {.name = "time_budget",
     .type = BT_OPTION_DURATION,
     VALUE(time_budget_ns),
     .initial = "180s",
     .minimum = 0,
     .maximum = 86400,
     .above_minimum = true,
     .placeholder = "TIME",
     .group = "The search",
     .help =
         "Bound on the time spent measuring, all models together; what is not settled by then is undecided."},
    {.name = "seed",
     .type = BT_OPTION_INTEGER,
     VALUE(seed),
     .initial = "1",
     .minimum = 0,
     .maximum = 9007199254740992.0,
     .placeholder = "N",
     .group = "The search",
     .help = "Seed of the images and of the order of measurements."},

    {.name = "profile",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     VALUE(profile),
     .initial = "",
     .placeholder = "NAME",
     .group = "This run",
     .help = "Settings from configs/profiles/NAME.json; a CPU takes cpu-demo by itself."},
    {.name = "config",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_ONCE,
     VALUE(config),
     .initial = "",
     .placeholder = "FILE",
     .group = "This run",
     .help = "Settings from a JSON file with these names as keys; flags win over it."},
    {.name = "resume",
     .type = BT_OPTION_SWITCH,
     .scope = BT_SCOPE_ONCE,
     VALUE(resume),
     .initial = "false",
     .group = "This run",
     .help = "Go on with the latest run that was cut off; its measurements are kept."},
    {.name = "require_sla",
     .type = BT_OPTION_SWITCH,
     .scope = BT_SCOPE_COMMAND,
     VALUE(require_sla),
     .initial = "false",
     .group = "This run",
     .help = "Exit with 3 when a model has no batch size that keeps the promise."},
    {.name = "output",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     VALUE(output),
     .initial = "configs/production_batch_config.json",
     .placeholder = "FILE",
     .group = "This run",
     .help = "The config file to write; entries of models that are not tuned now stay."},
    {.name = "force",
     .type = BT_OPTION_SWITCH,
     .scope = BT_SCOPE_ONCE,
     VALUE(force),
     .initial = "false",
     .group = "This run",
     .help = "Let a simulation or a CPU's demonstration take the place of an entry that says more."},
    {.name = "results",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     VALUE(results),
     .initial = "results",
     .placeholder = "FOLDER",
     .group = "This run",
     .help = "Where the record, report and log of a run are kept."},
    {.name = "plots",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     VALUE(plots),
     .initial = "plots",
     .placeholder = "FOLDER",
     .group = "This run",
     .help = "Where gnuplot scripts, data and pictures go."},
    {.name = "format",
     .type = BT_OPTION_CHOICE,
     .scope = BT_SCOPE_COMMAND,
     VALUE(format),
     .initial = "table",
     .choices = "table|json|csv|markdown|html",
     .group = "This run",
     .help = "How the result is printed."},
    {.name = "quiet",
     .type = BT_OPTION_SWITCH,
     .scope = BT_SCOPE_COMMAND,
     VALUE(quiet),
     .initial = "false",
     .group = "This run",
     .help = "No progress; only the result and what went wrong."},
};

const size_t bt_settings_count = sizeof bt_settings_table / sizeof bt_settings_table[0];

/* ---- what holds for one model ---- */

static const char *const model_rows[] = {
    "p95_sla_ms", "memory_reserve_percent", "objective",           "min_mask_iou", "image_size", "path",
    "use_amp",    "use_channels_last",      "use_cudnn_benchmark", "device",       "backend",    "weights",
    "threads",    "max_queue_delay_ms",     "max_queue_size"};
#define MODEL_ROWS (sizeof model_rows / sizeof *model_rows)

static bt_option model_table[MODEL_ROWS];
static pthread_once_t model_table_made = PTHREAD_ONCE_INIT;

static void make_model_table(void) {
    for (size_t i = 0; i < MODEL_ROWS; i++) {
        const int index = bt_options_find(bt_settings_table, bt_settings_count, model_rows[i]);
        assert(index >= 0);
        model_table[i] = bt_settings_table[index];
    }
}

const bt_option *bt_settings_model_table(size_t *count) {
    pthread_once(&model_table_made, make_model_table);
    *count = MODEL_ROWS;
    return model_table;
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
        size_t used = strlen(out);
        if (end && end[sizeof ending - 1] == '\0')
            snprintf(out + used, size - used, "%s%.*s", used ? ", " : "", (int)(end - name), name);
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

const char *bt_objective_name(bt_objective objective) {
    switch (objective) {
    case BT_OBJECTIVE_EFFICIENCY:
        return "efficiency";
    case BT_OBJECTIVE_THROUGHPUT:
        return "throughput";
    case BT_OBJECTIVE_LATENCY:
        return "latency";
    case BT_OBJECTIVE_COUNT:
        break;
    }
    return "unknown";
}
