#include "load/schedule.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "base/text.h"
#include "settings/load-test.h"

#define RATE_MAX     1e9
#define ARRIVALS_MAX (1 << 30) /* so many that their count stays an int everywhere */
#define DURATION_MAX (7LL * 24 * 3600 * BT_NS_PER_S)

/* Bursty arrivals may all fall behind a schedule's end: so often another draw is tried. Lowered, a short test
 * of very bursty arrivals ends for want of a request; raised, one in which hardly any fit is tried for long. */
#define GAMMA_TRIES 100

const char *bt_load_shape_name(bt_load_shape shape) {
    switch (shape) {
    case BT_SHAPE_POISSON:
        return "poisson";
    case BT_SHAPE_CONSTANT:
        return "constant";
    case BT_SHAPE_BURST:
        return "burst";
    case BT_SHAPE_RAMP:
        return "ramp";
    case BT_SHAPE_GAMMA:
        return "gamma";
    case BT_SHAPE_TRACE:
        break;
    }
    return "trace";
}

/* ---- a list that grows ---- */

typedef struct arrivals {
    bt_schedule *schedule;
    size_t room;
    bt_error *error;
} arrivals;

static bool make_room(arrivals *a) {
    const size_t count = (size_t)a->schedule->count;
    int64_t *grown = count < ARRIVALS_MAX
                         ? bt_array_grow(a->schedule->arrivals_ns, count, 1, &a->room, sizeof *grown)
                         : NULL;
    if (grown) a->schedule->arrivals_ns = grown;
    return grown != NULL;
}

static bt_status append(arrivals *a, int64_t at_ns) {
    bt_schedule *schedule = a->schedule;
    if ((size_t)schedule->count == a->room && !make_room(a))
        return bt_no_memory(a->error, "a schedule of more than %lld arrivals", (long long)schedule->count);
    schedule->arrivals_ns[schedule->count++] = at_ns;
    return BT_OK;
}

/* ---- the shapes ---- */

static bt_status make_poisson(arrivals *a, const bt_schedule_options *o) {
    bt_random random = bt_random_stream(o->seed, "schedule/poisson");
    bt_status status = BT_OK;
    double at_s = 0, end_s = (double)o->duration_ns / 1e9;
    for (;;) {
        at_s += bt_random_exponential(&random) / o->rate_rps;
        if (at_s >= end_s || status != BT_OK) return status;
        status = append(a, (int64_t)(at_s * 1e9));
    }
}

/* Gaps of mean 1 / rate, as if they had begun long ago: the first is the rest of a gap into which a moment
 * falls, and such a gap's length is gamma too, of a shape more by one (Cox, "Renewal theory", 1962). Were it
 * a whole gap, more would arrive at the beginning than later. */
static bt_status make_gamma(arrivals *a, const bt_schedule_options *o) {
    bt_random random = bt_random_stream(o->seed, "schedule/gamma");
    const double shape = 1 / (o->burstiness * o->burstiness), scale_s = 1 / (shape * o->rate_rps);
    const double end_s = (double)o->duration_ns / 1e9;
    bt_status status = BT_OK;
    for (int tries = 0; tries < GAMMA_TRIES && a->schedule->count == 0 && status == BT_OK; tries++) {
        double at_s = bt_random_uniform(&random) * bt_random_gamma(&random, shape + 1) * scale_s;
        for (; at_s < end_s && status == BT_OK; at_s += bt_random_gamma(&random, shape) * scale_s)
            status = append(a, (int64_t)(at_s * 1e9));
    }
    return status;
}

static bt_status make_constant(arrivals *a, const bt_schedule_options *o) {
    bt_status status = BT_OK;
    for (int64_t i = 0; status == BT_OK; i++) {
        int64_t at_ns = (int64_t)((double)i / o->rate_rps * 1e9);
        if (at_ns >= o->duration_ns) break;
        status = append(a, at_ns);
    }
    return status;
}

static bt_status make_burst(arrivals *a, const bt_schedule_options *o) {
    bt_status status = BT_OK;
    for (int64_t at_ns = 0; at_ns < o->duration_ns && status == BT_OK; at_ns += o->burst_interval_ns)
        for (int i = 0; i < o->burst_size && status == BT_OK; i++)
            status = append(a, at_ns);
    return status;
}

/* Arrivals at the higher of both rates, each kept with the probability that its moment's rate has of that
 * (Lewis and Shedler's thinning, 1979). */
static bt_status make_ramp(arrivals *a, const bt_schedule_options *o) {
    bt_random random = bt_random_stream(o->seed, "schedule/ramp");
    bt_status status = BT_OK;
    double most_rps = fmax(o->rate_rps, o->end_rate_rps), at_s = 0, end_s = (double)o->duration_ns / 1e9;
    const double ramp_s = o->ramp_ns > 0 ? (double)o->ramp_ns / 1e9 : end_s;
    for (;;) {
        at_s += bt_random_exponential(&random) / most_rps;
        if (at_s >= end_s || status != BT_OK) return status;
        double rate_rps = o->rate_rps + (o->end_rate_rps - o->rate_rps) * fmod(at_s, ramp_s) / ramp_s;
        if (bt_random_uniform(&random) * most_rps < rate_rps) status = append(a, (int64_t)(at_s * 1e9));
    }
}

/* One line's time, from the first line's on. */
static bt_status read_line(arrivals *a, const bt_schedule_options *o, const char *text, int line,
                           double *first_s, bool *cut) {
    char *end, shown[BT_TEXT_QUOTE_SIZE];
    double at_s = bt_text_read_number(text, &end), speed = o->trace_speed > 0 ? o->trace_speed : 1;
    const bt_schedule *schedule = a->schedule;
    end += strspn(end, " \t\r\n");
    if (end == text || *end || !isfinite(at_s)) {
        bt_text_quote(text, shown);
        return bt_fail(a->error, BT_PARSE, "%s:%d: %s is no time in seconds", o->trace, line, shown);
    }
    if (schedule->count == 0) *first_s = at_s;
    double after_ns = (at_s - *first_s) / speed * 1e9;
    if (after_ns > (double)DURATION_MAX) /* first: what is larger does not fit an integer */
        return bt_fail(a->error, BT_PARSE, "%s:%d: %g is more than a week after the first", o->trace, line,
                       at_s);
    if (after_ns < 0 ||
        (schedule->count > 0 && (int64_t)after_ns < schedule->arrivals_ns[schedule->count - 1]))
        return bt_fail(a->error, BT_PARSE, "%s:%d: %g is before the line above it", o->trace, line, at_s);
    *cut = o->duration_ns > 0 && (int64_t)after_ns >= o->duration_ns;
    return *cut ? BT_OK : append(a, (int64_t)after_ns);
}

static bt_status make_trace(arrivals *a, const bt_schedule_options *o) {
    char *text = NULL;
    size_t size = 0;
    double first_s = 0;
    bool cut = false;
    bt_status status = bt_file_check_regular(o->trace, a->error);
    if (status != BT_OK) return status;
    FILE *file = fopen(o->trace, "re");
    if (!file) return bt_fail(a->error, BT_IO, "%s: %s", o->trace, bt_text_system_error(errno));
    for (int line = 1; status == BT_OK && !cut && getline(&text, &size, file) >= 0; line++) {
        const char *start = text + strspn(text, " \t\r\n");
        if (*start && *start != '#') status = read_line(a, o, start, line, &first_s, &cut);
    }
    if (status == BT_OK && !cut && !feof(file))
        status = bt_fail(a->error, errno == ENOMEM ? BT_NO_MEMORY : BT_IO, "%s: cannot be read: %s", o->trace,
                         bt_text_system_error(errno));
    if (status == BT_OK && a->schedule->count == 0)
        status = bt_fail(a->error, BT_INVALID,
                         "%s: holds no time of an arrival; one a line is wanted, in seconds", o->trace);
    free(text);
    fclose(file);
    return status;
}

/* ---- together ---- */

static bool is_rate(double rate_rps) {
    return rate_rps > 0 && rate_rps <= RATE_MAX;
}

static bt_status check(const bt_schedule_options *o, bt_error *error) {
    bool trace = o->shape == BT_SHAPE_TRACE;
    if (o->duration_ns < 0 || o->duration_ns > DURATION_MAX || (!trace && o->duration_ns == 0))
        return bt_fail(error, BT_INVALID, "a schedule lasts longer than nothing and at most a week");
    if (trace && (!o->trace || !*o->trace)) return bt_fail(error, BT_INVALID, "a trace needs a file");
    if (o->shape == BT_SHAPE_BURST && (o->burst_size < 1 || o->burst_interval_ns < 1))
        return bt_fail(error, BT_INVALID, "a burst has at least one request, and time until the next");
    bool rated = o->shape == BT_SHAPE_POISSON || o->shape == BT_SHAPE_CONSTANT || o->shape == BT_SHAPE_GAMMA;
    if (rated && !is_rate(o->rate_rps))
        return bt_fail(error, BT_INVALID, "a rate of %g requests a second is not one", o->rate_rps);
    if (o->shape == BT_SHAPE_GAMMA &&
        !(o->burstiness >= BT_BURSTINESS_LEAST && o->burstiness <= BT_BURSTINESS_MOST))
        return bt_fail(error, BT_INVALID, "a burstiness of %g is not one: %g to %g is", o->burstiness,
                       (double)BT_BURSTINESS_LEAST, (double)BT_BURSTINESS_MOST);
    if (o->shape == BT_SHAPE_RAMP &&
        (!(o->rate_rps >= 0) || !(o->end_rate_rps >= 0) || !is_rate(fmax(o->rate_rps, o->end_rate_rps))))
        return bt_fail(error, BT_INVALID, "a ramp from %g to %g requests a second is not one", o->rate_rps,
                       o->end_rate_rps);
    return BT_OK;
}

bt_status bt_schedule_open(bt_schedule *out, const bt_schedule_options *options, bt_error *error) {
    static bt_status (*const makers[])(arrivals *, const bt_schedule_options *) = {
        [BT_SHAPE_POISSON] = make_poisson, [BT_SHAPE_CONSTANT] = make_constant, [BT_SHAPE_BURST] = make_burst,
        [BT_SHAPE_RAMP] = make_ramp,       [BT_SHAPE_TRACE] = make_trace,       [BT_SHAPE_GAMMA] = make_gamma,
    };
    arrivals a = {.schedule = out, .error = error};
    *out = (bt_schedule){.duration_ns = options->duration_ns};
    bt_status status = check(options, error);
    if (status == BT_OK) status = makers[options->shape](&a, options);
    if (status == BT_OK && out->count == 0)
        status = bt_fail(error, BT_INVALID, "nothing arrives in %.3g s: a higher rate or a longer duration",
                         (double)options->duration_ns / 1e9);
    if (status == BT_OK && out->duration_ns == 0) out->duration_ns = out->arrivals_ns[out->count - 1] + 1;
    if (status != BT_OK) bt_schedule_close(out);
    return status;
}

double bt_schedule_rate_rps(const bt_schedule_options *options) {
    switch (options->shape) {
    case BT_SHAPE_BURST:
        return options->burst_size * 1e9 / (double)options->burst_interval_ns;
    case BT_SHAPE_RAMP:
        return (options->rate_rps + options->end_rate_rps) / 2;
    case BT_SHAPE_TRACE:
        return NAN;
    case BT_SHAPE_POISSON:
    case BT_SHAPE_CONSTANT:
    case BT_SHAPE_GAMMA:
        break;
    }
    return options->rate_rps;
}

void bt_schedule_close(bt_schedule *schedule) {
    free(schedule->arrivals_ns);
    *schedule = (bt_schedule){0};
}
