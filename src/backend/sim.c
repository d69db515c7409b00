#include "backend/sim.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/clock.h"
#include "base/options.h"
#include "base/random.h"

typedef struct sim_settings {
    double tau0_ms, alpha_ms, noise;
    double memory_mb, memory_per_image_mb, memory_total_mb, load_ms;
    int64_t seed, oom_at, fail_every, crash_at;
} sim_settings;

#define NUMBER(field) .name = #field, .type = BT_OPTION_NUMBER, .offset = offsetof(sim_settings, field)
#define WHOLE(field)  .name = #field, .type = BT_OPTION_INTEGER, .offset = offsetof(sim_settings, field)
#define MS_MAXIMUM    600000
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
};
#define KEY_COUNT (sizeof table / sizeof *table)

/* A sleeping thread is woken up to this much late, so that the rest of the time is spent looking at the
 * clock. */
#define SPIN_NS (150 * BT_NS_PER_US)

typedef struct sim_session {
    bt_session base;
    sim_settings settings;
    bt_random noise;
    int64_t runs;
    int largest_batch; /* since the last memory_reset */
} sim_session;

void bt_sim_help(FILE *out) {
    for (size_t i = 0; i < KEY_COUNT; i++)
        fprintf(out, "  %-20s %s (default %s)\n", table[i].name, table[i].help, table[i].initial);
}

/* `specification` is "sim" or "sim:key=value,key=value". */
static bt_status parse(sim_settings *settings, const char *specification, bt_error *error) {
    bt_option_sources sources;
    bt_options_default(table, KEY_COUNT, settings, &sources);
    const char *pairs = strchr(specification, ':');
    if (!pairs) return BT_OK;
    return bt_options_read_pairs(table, KEY_COUNT, pairs + 1, "sim", settings, &sources, error);
}

bt_status bt_sim_check(const char *specification, bt_error *error) {
    sim_settings settings;
    return parse(&settings, specification, error);
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
}

static bt_status sim_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    sim_session *session = calloc(1, sizeof *session);
    if (!session) return bt_fail(error, BT_NO_MEMORY, "out of memory opening a simulated session");
    bt_status status = parse(&session->settings, options->backend, error);
    if (status != BT_OK) {
        free(session);
        return status;
    }
    session->noise = bt_random_stream((uint64_t)session->settings.seed, "sim/noise");
    describe(session, options);
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

static bt_status sim_run(bt_session *base, int batch_size, const float *images, float *logits,
                         bt_error *error) {
    (void)images, (void)logits;
    sim_session *session = (sim_session *)base;
    const sim_settings *settings = &session->settings;
    double duration_ms = settings->tau0_ms + settings->alpha_ms * batch_size;
    int64_t start_ns = duration_ms > 0 ? bt_clock_now_ns() : 0;
    bt_status status = sim_prepare(base, batch_size, error);
    if (status != BT_OK) return status;
    session->runs++;
    if (settings->fail_every > 0 && session->runs % settings->fail_every == 0)
        return bt_fail(error, BT_BACKEND, "sim: run %lld fails, as fail_every=%lld asks",
                       (long long)session->runs, (long long)settings->fail_every);
    if (duration_ms <= 0) return BT_OK;
    if (settings->noise > 0) duration_ms *= exp(settings->noise * bt_random_normal(&session->noise));
    int64_t end_ns = start_ns + (int64_t)(duration_ms * 1e6);
    bt_clock_sleep_until_ns(end_ns - SPIN_NS);
    while (bt_clock_now_ns() < end_ns) {
    }
    return BT_OK;
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

static void sim_close(bt_session *session) {
    free(session);
}

const bt_backend_operations bt_backend_sim = {
    .name = "sim",
    .open = sim_open,
    .prepare = sim_prepare,
    .run = sim_run,
    .memory_reset = sim_memory_reset,
    .memory = sim_memory,
    .close = sim_close,
};
