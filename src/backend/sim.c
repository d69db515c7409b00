#include "backend/sim.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "backend/sim-faults.h"
#include "backend/sim-neighbours.h"
#include "base/clock.h"
#include "base/options.h"
#include "base/random.h"
#include "base/terminal.h"
#include "base/text.h"
#include "image/resize.h"
#include "networks/model-map.h"

typedef struct sim_settings {
    double tau0_ms, alpha_ms, noise, idle_ms, neighbour, switch_ms;
    double memory_mb, memory_per_image_mb, memory_total_mb, load_ms;
    double standard_ms;
    int64_t seed, oom_at, fail_every, crash_at, classes;
    bool echo, pictures;
    char faults[BT_OPTION_TEXT_SIZE], standard_faults[BT_OPTION_TEXT_SIZE];
} sim_settings;

#define NUMBER(field) .name = #field, .type = BT_OPTION_NUMBER, .offset = offsetof(sim_settings, field)
#define WHOLE(field)  .name = #field, .type = BT_OPTION_INTEGER, .offset = offsetof(sim_settings, field)
#define SWITCH(field) .name = #field, .type = BT_OPTION_SWITCH, .offset = offsetof(sim_settings, field)
#define TEXT(field)   .name = #field, .type = BT_OPTION_TEXT, .offset = offsetof(sim_settings, field)
#define MS_MAXIMUM    BT_SIM_MS_MAX
#define MB_MAXIMUM    1e9
#define WHOLE_MAXIMUM 9007199254740992.0 /* 2^53: every integer up to it is a double */

static const bt_option table[] = {
    {NUMBER(tau0_ms), .initial = "4", .maximum = MS_MAXIMUM,
     .help = "time of a batch that does not depend on its size"},
    {NUMBER(alpha_ms), .initial = "2", .maximum = MS_MAXIMUM, .help = "time that each image adds"},
    {NUMBER(noise), .initial = "0.05", .maximum = 2,
     .help = "relative spread of the time: it is multiplied by exp(noise * a normal number)"},
    {WHOLE(seed), .initial = "1", .maximum = WHOLE_MAXIMUM, .help = "of the noise"},
    {NUMBER(memory_mb), .initial = "100", .maximum = MB_MAXIMUM, .help = "memory of the model itself"},
    {NUMBER(memory_per_image_mb), .initial = "30", .maximum = MB_MAXIMUM,
     .help = "memory that each image of a batch adds"},
    {NUMBER(memory_total_mb), .initial = "16384", .minimum = 1, .maximum = MB_MAXIMUM,
     .help = "memory of the simulated device"},
    {WHOLE(oom_at), .initial = "0", .maximum = WHOLE_MAXIMUM,
     .help = "smallest batch size that runs out of memory; 0: only when memory_total_mb does"},
    {WHOLE(fail_every), .initial = "0", .maximum = WHOLE_MAXIMUM,
     .help = "every how many runs one fails; 0: never"},
    {WHOLE(crash_at), .initial = "0", .maximum = WHOLE_MAXIMUM,
     .help = "smallest batch size that kills the process (SIGKILL); 0: never"},
    {NUMBER(load_ms), .initial = "0", .maximum = MS_MAXIMUM, .help = "time that opening a session takes"},
    {NUMBER(standard_ms), .initial = "0", .maximum = MS_MAXIMUM,
     .help = "time of one image on the standard path; 0: as on the others"},
    {NUMBER(idle_ms), .initial = "0", .maximum = MS_MAXIMUM,
     .help =
         "time that a run takes longer after a pause of 200 ms or more; after a shorter one, in proportion"},
    {NUMBER(neighbour), .initial = "1", .minimum = 0.1, .maximum = 100,
     .help = "how many times as long a run takes while another model's is under way in this process"},
    {NUMBER(switch_ms), .initial = "0", .maximum = MS_MAXIMUM,
     .help = "time that a run takes longer where the last one on its cores was another model's"},
    {SWITCH(echo), .initial = "false",
     .help = "an image's logits are the mean of its input, so that results tell whose they are"},
    {WHOLE(classes), .initial = "1", .minimum = 1, .maximum = BT_MODEL_CLASSES_MAX,
     .help = "maps that it gives for an image; with echo those of class c are c times the mean"},
    {SWITCH(pictures), .initial = "false",
     .help = "sessions take pictures as they come, as those on a GPU do, and make images of them"},
    {TEXT(faults),
     .help =
         "planted in runs of the production path, which count from 1, warm-ups included: "
         "fail@3+nan@5-7+oom@8+stall@20:200+fail%50 (of 20:200 the 200 are milliseconds more; %50 is every "
         "50th)"},
    {TEXT(standard_faults), .help = "the same for the standard path"},
};
#define KEY_COUNT (sizeof table / sizeof *table)

/* A sleeping thread is woken up to this much late, so the last of a run's time is spent reading the clock.
 * More makes a simulation of many instances need more cores than there are; less lets runs end late by what
 * the kernel adds. */
#define SPIN_NS (150 * BT_NS_PER_US)

/* A pause of so long costs all of idle_ms. */
#define IDLE_MS 200.0

typedef struct sim_session {
    bt_session base;
    sim_settings settings;
    bt_sim_faults plan; /* of this session's path */
    bool standard;
    size_t pixels; /* of an image */
    bt_random noise;
    bt_sim_neighbour neighbour;
    bool has_neighbours;
    int64_t runs, ended_ns; /* ended: the last run; 0: none yet */
    int largest_batch;      /* since the last memory_reset */
    int height, width;
    float *put; /* images of the pictures that were put, put_count */
    int put_count;
} sim_session;

void bt_sim_help(FILE *out) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char words[512];
        snprintf(words, sizeof words, "%s (default %s)", table[i].help,
                 table[i].initial ? table[i].initial : "none");
        bt_terminal_wrap(out, words, fprintf(out, "  %s", table[i].name), 23, bt_terminal_columns(out));
    }
}

/* `specification` is "sim" or "sim:key=value,key=value". */
static bt_status parse(sim_settings *settings, const char *specification, bt_error *error) {
    bt_option_sources sources;
    bt_options_default(table, KEY_COUNT, settings, &sources);
    const char *pairs = strchr(specification, ':');
    if (!pairs) return BT_OK;
    return bt_options_read_pairs(table, KEY_COUNT, pairs + 1, "sim", settings, &sources, error);
}

static bt_status parse_plan(bt_sim_faults *plan, const sim_settings *settings, bool standard,
                            bt_error *error) {
    return standard ? bt_sim_faults_read(plan, settings->standard_faults, "standard_faults", error)
                    : bt_sim_faults_read(plan, settings->faults, "faults", error);
}

bt_status bt_sim_check(const char *specification, bt_error *error) {
    sim_settings settings;
    bt_sim_faults plan;
    bt_status status = parse(&settings, specification, error);
    if (status == BT_OK) status = parse_plan(&plan, &settings, false, error);
    return status != BT_OK ? status : parse_plan(&plan, &settings, true, error);
}

double bt_sim_memory_total_mb(const char *specification) {
    sim_settings settings;
    bt_error ignored;
    return parse(&settings, specification, &ignored) == BT_OK ? settings.memory_total_mb : NAN;
}

static void describe(sim_session *session, const bt_session_options *options) {
    bt_session_info *info = &session->base.info;
    snprintf(info->backend, sizeof info->backend, "sim");
    snprintf(info->backend_detail, sizeof info->backend_detail, "%s", options->backend);
    snprintf(info->device, sizeof info->device, "simulated");
    snprintf(info->precision, sizeof info->precision, "none");
    snprintf(info->weights, sizeof info->weights, "none");
    info->threads = 1;
    info->device_memory = true;
    info->takes_pictures = session->settings.pictures;
    info->classes = (int)session->settings.classes;
    info->never_idles = session->settings.idle_ms == 0;
    info->never_slowed = !session->has_neighbours;
}

static bt_status sim_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    sim_session *session = calloc(1, sizeof *session);
    if (!session) return bt_no_memory(error, "opening a simulated session");
    session->standard = options->path == BT_PATH_STANDARD;
    session->height = options->height;
    session->width = options->width;
    session->pixels = (size_t)options->height * (size_t)options->width;
    bt_status status = parse(&session->settings, options->backend, error);
    if (status == BT_OK) status = parse_plan(&session->plan, &session->settings, session->standard, error);
    if (status != BT_OK) {
        free(session);
        return status;
    }
    session->noise = bt_random_stream((uint64_t)session->settings.seed, "sim/noise");
    session->has_neighbours = session->settings.neighbour != 1 || session->settings.switch_ms > 0;
    describe(session, options);
    if (session->has_neighbours)
        bt_sim_neighbour_join(&session->neighbour, options->model, session->settings.neighbour);
    if (session->settings.load_ms > 0)
        bt_clock_sleep_until_ns(bt_clock_now_ns() + (int64_t)(session->settings.load_ms * 1e6));
    *out = &session->base;
    return BT_OK;
}

static double memory_mb(const sim_settings *settings, int batch_size) {
    return settings->memory_mb + settings->memory_per_image_mb * batch_size;
}

/* Whether the device could hold the batch at all; it may not come back from here. */
static bt_status sim_prepare(bt_session *base, int batch_size, bt_error *error) {
    sim_session *session = (sim_session *)base;
    const sim_settings *settings = &session->settings;
    if (settings->crash_at > 0 && batch_size >= settings->crash_at) raise(SIGKILL);
    if ((settings->oom_at > 0 && batch_size >= settings->oom_at) ||
        memory_mb(settings, batch_size) > settings->memory_total_mb)
        return bt_fail(error, BT_OUT_OF_DEVICE_MEMORY, "sim: a batch of %d does not fit the simulated memory",
                       batch_size);
    if (batch_size > session->largest_batch) session->largest_batch = batch_size;
    return BT_OK;
}

static bt_status fail_as_planted(sim_session *session, int batch_size, bt_error *error) {
    const sim_settings *settings = &session->settings;
    long long run = session->runs;
    if (bt_sim_planted(&session->plan, session->runs, BT_SIM_OOM))
        return bt_fail(error, BT_OUT_OF_DEVICE_MEMORY,
                       "sim: run %lld, a batch of %d, runs out of memory as planted", run, batch_size);
    if (bt_sim_planted(&session->plan, session->runs, BT_SIM_FAIL))
        return bt_fail(error, BT_BACKEND, "sim: run %lld fails as planted", run);
    if (settings->fail_every > 0 && run % settings->fail_every == 0)
        return bt_fail(error, BT_BACKEND, "sim: run %lld fails, as fail_every=%lld asks", run,
                       (long long)settings->fail_every);
    return BT_OK;
}

static double duration_ms(sim_session *session, int batch_size) {
    const sim_settings *settings = &session->settings;
    double ms = settings->tau0_ms + settings->alpha_ms * batch_size;
    if (session->standard && settings->standard_ms > 0) ms = settings->standard_ms * batch_size;
    if (ms > 0 && settings->noise > 0) ms *= exp(settings->noise * bt_random_normal(&session->noise));
    if (session->ended_ns > 0 && settings->idle_ms > 0)
        ms += settings->idle_ms * fmin(1, bt_ms(bt_clock_now_ns() - session->ended_ns) / IDLE_MS);
    const bt_sim_fault *stall = bt_sim_planted(&session->plan, session->runs, BT_SIM_STALL);
    return stall ? ms + stall->ms : ms;
}

/* A single map is the mean itself. */
static double factor_of(const sim_session *session, int64_t class_number) {
    return session->settings.classes > 1 ? (double)class_number : 1;
}

/* Logits are left as the caller has them, unless they are asked for or would keep a planted NaN. */
static void write_logits(const sim_session *session, int batch_size, const float *images, float *logits) {
    if (!session->settings.echo && session->plan.count == 0) return;
    for (int image = 0; image < batch_size; image++, images += 3 * session->pixels) {
        double sum = 0;
        for (size_t i = 0; session->settings.echo && i < 3 * session->pixels; i++)
            sum += (double)images[i];
        for (int64_t c = 0; c < session->settings.classes; c++)
            for (size_t i = 0; i < session->pixels; i++)
                *logits++ = (float)(factor_of(session, c) * sum / (3 * (double)session->pixels));
    }
    if (bt_sim_planted(&session->plan, session->runs, BT_SIM_NAN)) logits[-1] = NAN;
}

/* Sleeps through most of a run of so much work that began then; returns when it is to end. */
static int64_t sleep_through(sim_session *session, int64_t start_ns, double ms) {
    const int64_t end_ns = start_ns + (int64_t)(ms * 1e6);
    if (!session->has_neighbours) {
        bt_clock_sleep_until_ns(end_ns - SPIN_NS);
        return end_ns;
    }
    if (bt_sim_neighbour_begin(&session->neighbour)) ms += session->settings.switch_ms;
    return bt_sim_neighbour_work(&session->neighbour, (int64_t)(ms * 1e6), SPIN_NS);
}

static bt_status sim_run(bt_session *base, int batch_size, const float *images, float *logits,
                         bt_error *error) {
    sim_session *session = (sim_session *)base;
    bt_status status = sim_prepare(base, batch_size, error);
    if (status != BT_OK) return status;
    session->runs++;
    double ms = duration_ms(session, batch_size);
    const bool takes_time = ms > 0 || session->has_neighbours;
    const int64_t start_ns = takes_time ? bt_clock_now_ns() : 0;
    status = fail_as_planted(session, batch_size, error);
    if (status != BT_OK) return status;
    write_logits(session, batch_size, images, logits);
    session->ended_ns = bt_clock_now_ns();
    if (!takes_time) return BT_OK;
    const int64_t end_ns = sleep_through(session, start_ns, ms);
    while ((session->ended_ns = bt_clock_now_ns()) < end_ns) {
    }
    if (session->has_neighbours) bt_sim_neighbour_end(&session->neighbour);
    return BT_OK;
}

/* Where the image in a slot lies; NULL where memory is short. */
static float *slot_of(sim_session *session, int slot) {
    const size_t image = 3 * session->pixels;
    if (slot >= session->put_count) {
        float *grown = realloc(session->put, (size_t)(slot + 1) * image * sizeof *grown);
        if (!grown) return NULL;
        session->put = grown;
        session->put_count = slot + 1;
    }
    return session->put + (size_t)slot * image;
}

static bt_status sim_put_picture(bt_session *base, int slot, const uint8_t *rgb, int height, int width,
                                 const bt_image_norm *norm, bt_error *error) {
    sim_session *session = (sim_session *)base;
    void *scratch =
        malloc(bt_image_scratch_bytes(height > width ? height : width, session->height, session->width));
    float *image = scratch ? slot_of(session, slot) : NULL;
    if (image) bt_image_prepare(rgb, height, width, norm, image, session->height, session->width, 1, scratch);
    free(scratch);
    return image ? BT_OK : bt_no_memory(error, "%d pictures", slot + 1);
}

static bt_status sim_put_tensor(bt_session *base, int slot, const void *values, bt_tensor_type type,
                                bool *tame, bt_error *error) {
    sim_session *session = (sim_session *)base;
    float *image = slot_of(session, slot);
    if (!image) return bt_no_memory(error, "%d tensors", slot + 1);
    *tame = bt_tensor_copy(image, values, type, 3 * session->pixels);
    return BT_OK;
}

static bt_status sim_run_pictures(bt_session *base, int batch_size, int count, float *logits,
                                  bt_error *error) {
    const sim_session *session = (const sim_session *)base;
    const size_t image = 3 * session->pixels;
    if (count < 1 || count > batch_size || count > session->put_count)
        return bt_fail(error, BT_INVALID, "%d pictures for a batch of %d: put each of them first", count,
                       batch_size);
    float *images = malloc((size_t)batch_size * image * sizeof *images);
    if (!images) return bt_no_memory(error, "%d pictures", batch_size);
    for (int i = 0; i < batch_size; i++)
        memcpy(images + (size_t)i * image, session->put + (size_t)(i < count ? i : count - 1) * image,
               image * sizeof *images);
    bt_status status = sim_run(base, batch_size, images, logits, error);
    free(images);
    return status;
}

static bt_status sim_memory_reset(bt_session *base, bt_error *error) {
    (void)error;
    ((sim_session *)base)->largest_batch = 0;
    return BT_OK;
}

static bt_status sim_memory(bt_session *base, bt_memory *memory, bt_error *error) {
    (void)error;
    const sim_session *session = (const sim_session *)base;
    double megabyte = 1024.0 * 1024.0;
    int64_t peak_bytes = (int64_t)(memory_mb(&session->settings, session->largest_batch) * megabyte);
    *memory = (bt_memory){
        .total_bytes = (int64_t)(session->settings.memory_total_mb * megabyte),
        .used_peak_bytes = peak_bytes,
        .allocated_peak_bytes = peak_bytes,
        .reserved_peak_bytes = peak_bytes,
    };
    return BT_OK;
}

static void sim_close(bt_session *base) {
    sim_session *session = (sim_session *)base;
    if (session->has_neighbours) bt_sim_neighbour_leave(&session->neighbour);
    free(session->put);
    free(base);
}

const bt_backend_operations bt_backend_sim = {
    .name = "sim",
    .open = sim_open,
    .prepare = sim_prepare,
    .run = sim_run,
    .put_picture = sim_put_picture,
    .put_tensor = sim_put_tensor,
    .run_pictures = sim_run_pictures,
    .memory_reset = sim_memory_reset,
    .memory = sim_memory,
    .close = sim_close,
};
