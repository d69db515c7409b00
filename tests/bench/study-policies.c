/* study-policies: which way of forming batches answers the most requests in time? The batcher itself on a
 * virtual clock, over a grid of fixed costs, loads, promises and burstiness: the adaptive policy, fixed
 * delays, batches of one, batch sizes by AIMD, and a clairvoyant. `study-policies FOLDER [SEED [NOISE]]` prints
 * what came of it and leaves plots in FOLDER. The same seed gives the same figures.
 *
 * s(b) = tau0 + alpha * b, where s(1) is 10 ms; with NOISE 0.1 each run takes about a tenth more or less, which
 * neither the batcher nor the clairvoyant knows; batches up to 16. A load is a share of what batches of
 * 16 could serve, a tight promise 1.5 * s(16), a loose one 4 * s(16). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "batching/batcher.h"
#include "clairvoyant.h"
#include "load/schedule.h"
#include "report/gnuplot-script.h"
#include "report/palette.h"
#include "report/plot-files.h"
#include "report/whole-file.h"

#define LARGEST    16
#define LONE_MS    10.0
#define REQUESTS   3000 /* of one trace */
#define TRACES     3    /* of a cell */
#define QUEUE      100  /* the default */
#define CELLS      (4 * 2 * 3 * 5)
#define WORST_SEEN 6

/* What requests say of their promise. */
typedef enum kind { SILENT, ADMITTED, TAKEN, KIND_COUNT } kind;
static const char *const kind_titles[KIND_COUNT] = {"no deadlines", "deadlines, and admission",
                                                    "deadlines, no admission"};

static const double ratios[] = {0, 0.25, 1, 4}, loads[] = {0.3, 0.5, 0.7, 0.85, 0.95}, slas[] = {1.5, 4},
                    burstinesses[] = {1, 2, 4};

typedef struct rule {
    const char *name;
    bt_batcher_policy policy;
    double delay_ms;
    int largest;
    bool aimd;
} rule;

#define DEFAULT_DELAY_MS 5.0
#define FIXED            7 /* of the rules that follow, the first so many are fixed */
#define DELAY_DEFAULT    3
#define BATCH_OF_ONE     6
#define AIMD             7
#define ADAPTIVE         8

static const rule rules[] = {
    {"delay 0 ms", BT_POLICY_DELAY, 0, LARGEST, false},
    {"delay 1 ms", BT_POLICY_DELAY, 1, LARGEST, false},
    {"delay 2 ms", BT_POLICY_DELAY, 2, LARGEST, false},
    {"delay 5 ms", BT_POLICY_DELAY, DEFAULT_DELAY_MS, LARGEST, false},
    {"delay 10 ms", BT_POLICY_DELAY, 10, LARGEST, false},
    {"delay 20 ms", BT_POLICY_DELAY, 20, LARGEST, false},
    {"batches of 1", BT_POLICY_DELAY, 0, 1, false},
    {"AIMD", BT_POLICY_DELAY, 0, LARGEST, true},
    {"adaptive", BT_POLICY_ADAPTIVE, DEFAULT_DELAY_MS, LARGEST, false},
};
#define RULES ((int)(sizeof rules / sizeof *rules))

/* Shares of all requests that are answered in time, over a cell's traces. */
typedef struct cell {
    double ratio, load, sla, burstiness;
    double good[KIND_COUNT][RULES], best[KIND_COUNT]; /* best: the clairvoyant's */
} cell;

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "study-policies: %s\n", error->message);
    exit(1);
}

/* ---- one trace under one rule ---- */

static double mean_ms(const cell *c, int size) {
    const double alpha_ms = LONE_MS / (1 + c->ratio);
    return LONE_MS - alpha_ms + alpha_ms * size;
}

static int64_t sla_ns(const cell *c) {
    return (int64_t)(c->sla * mean_ms(c, LARGEST) * BT_NS_PER_MS);
}

static bt_ladder ladder_of(const cell *c) {
    bt_ladder ladder = {.size_count = LARGEST, .standard_ns = (int64_t)(LONE_MS * BT_NS_PER_MS)};
    bt_error error;
    for (int i = 0; i < LARGEST; i++) {
        ladder.sizes[i] = i + 1;
        ladder.service_ns[i] = (int64_t)(mean_ms(c, i + 1) * BT_NS_PER_MS);
    }
    must(bt_ladder_plan(&ladder, &error), &error);
    return ladder;
}

typedef struct player {
    bt_batcher *batcher;
    const bt_ladder *ladder;
    const rule *rule;
    int64_t sla_ns, end_ns; /* of the run under way; BT_NEVER_NS: none */
    bt_action run;
    int64_t oldest_ns; /* arrival of its first request */
    bt_random random;
    double cap; /* AIMD's batch size */
    int queue_size;
    int in_time;
} player;

/* Additive increase after a full batch in time, multiplicative decrease after one that was late, as Clipper
 * has it. */
static void adjust(player *p) {
    bt_error error;
    if (p->end_ns - p->oldest_ns > p->sla_ns)
        p->cap = fmax(1, p->cap * 0.9);
    else if (p->run.count >= (int)p->cap)
        p->cap = fmin(LARGEST, p->cap + 1);
    const bt_batcher_change change = {.max_batch_size = (int)p->cap, .max_queue_size = p->queue_size};
    must(bt_batcher_set(p->batcher, p->end_ns, 0, &change, &error), &error);
}

static double noise; /* of a run's time: the standard deviation of its logarithm */

static int64_t run_ns(player *p, int size) {
    const double stretch = noise > 0 ? exp(noise * bt_random_normal(&p->random) - noise * noise / 2) : 1;
    return (int64_t)(stretch * (double)p->ladder->service_ns[size - 1]);
}

static void act(player *p, int64_t now_ns, const int64_t *arrivals_ns) {
    bt_action action;
    while (bt_batcher_next(p->batcher, now_ns, &action)) {
        if (action.kind == BT_ACTION_RUN) {
            p->run = action;
            p->oldest_ns = arrivals_ns[action.tags[0]];
            p->end_ns = now_ns + run_ns(p, action.run_size);
        } else {
            p->in_time += action.status == BT_OK && now_ns - action.arrival_ns <= p->sla_ns;
        }
    }
}

static void end_run(player *p, int64_t now_ns) {
    (void)bt_batcher_done(p->batcher, now_ns, p->run.run, BT_RUN_GOOD);
    if (p->rule->aimd) adjust(p);
    p->end_ns = BT_NEVER_NS;
}

static void play_all(player *p, const bt_schedule *schedule, bool has_deadlines) {
    for (int64_t sent = 0;;) {
        const int64_t arrival_ns = sent < schedule->count ? schedule->arrivals_ns[sent] : BT_NEVER_NS;
        const int64_t wake_ns = bt_batcher_wake_ns(p->batcher);
        int64_t now_ns = p->end_ns < arrival_ns ? p->end_ns : arrival_ns;
        if (wake_ns < now_ns) now_ns = wake_ns;
        if (now_ns == BT_NEVER_NS) return;
        if (now_ns == p->end_ns) {
            end_run(p, now_ns);
        } else if (now_ns == arrival_ns) {
            uint64_t ticket;
            const bt_submission request = {.deadline_ns = has_deadlines ? now_ns + p->sla_ns : BT_NEVER_NS,
                                           .tag = (uint64_t)sent++};
            if (bt_batcher_submit(p->batcher, now_ns, &request, &ticket) != BT_OK) continue; /* not in time */
        }
        act(p, now_ns, schedule->arrivals_ns);
    }
}

static int play(const cell *c, const bt_ladder *ladder, const rule *by, kind says,
                const bt_schedule *schedule) {
    const bt_batcher_model model = {
        .max_batch_size = by->largest,
        .max_queue_size = says == SILENT ? (int)schedule->count : QUEUE, /* silent ones are all answered */
        .max_queue_delay_ns = (int64_t)(by->delay_ms * BT_NS_PER_MS),
        .policy = by->policy,
        .promise_ns = sla_ns(c),
        .ladder = *ladder,
        .admission = says == ADMITTED,
        .failover = true,
        .breaker = BT_BREAKER_DEFAULT};
    const bt_batcher_instance instance = {0, 0};
    player p = {.ladder = ladder,
                .rule = by,
                .sla_ns = sla_ns(c),
                .end_ns = BT_NEVER_NS,
                .random = bt_random_stream((uint64_t)schedule->count, "runs"),
                .cap = by->aimd ? 1 : by->largest,
                .queue_size = model.max_queue_size};
    bt_error error;
    must(bt_batcher_open(&p.batcher, &(bt_batcher_options){&model, 1, &instance, 1}, &error), &error);
    play_all(&p, schedule, says != SILENT);
    bt_batcher_close(&p.batcher);
    return p.in_time;
}

/* ---- the grid ---- */

static double clairvoyant(const bt_ladder *ladder, const cell *c, const bt_schedule *schedule, bool all) {
    const int in_time =
        clairvoyant_in_time(ladder, LARGEST, schedule->arrivals_ns, (int)schedule->count, sla_ns(c), all);
    if (in_time < 0) exit(1);
    return (double)in_time / (double)schedule->count;
}

static void study_trace(cell *c, const bt_ladder *ladder, uint64_t seed) {
    const double rate_rps = c->load * LARGEST / mean_ms(c, LARGEST) * 1e3;
    const bt_schedule_options options = {.shape = c->burstiness > 1 ? BT_SHAPE_GAMMA : BT_SHAPE_POISSON,
                                         .rate_rps = rate_rps,
                                         .burstiness = c->burstiness,
                                         .duration_ns = (int64_t)(REQUESTS / rate_rps * BT_NS_PER_S),
                                         .seed = seed};
    bt_schedule schedule;
    bt_error error;
    must(bt_schedule_open(&schedule, &options, &error), &error);
    const double in_order = clairvoyant(ladder, c, &schedule, true),
                 free = clairvoyant(ladder, c, &schedule, false);
    for (int k = 0; k < KIND_COUNT; k++) {
        c->best[k] += (k == SILENT ? in_order : free) / TRACES;
        for (int r = 0; r < RULES; r++)
            c->good[k][r] +=
                (double)play(c, ladder, &rules[r], (kind)k, &schedule) / (double)schedule.count / TRACES;
    }
    bt_schedule_close(&schedule);
}

static void study(cell *cells, uint64_t seed) {
    int count = 0;
    for (int i = 0; i < CELLS; i++) {
        cell *c = &cells[count++];
        *c = (cell){.ratio = ratios[i / 30],
                    .sla = slas[i / 15 % 2],
                    .burstiness = burstinesses[i / 5 % 3],
                    .load = loads[i % 5]};
        const bt_ladder ladder = ladder_of(c);
        for (int trace = 0; trace < TRACES; trace++)
            study_trace(c, &ladder, seed * 1000 + (uint64_t)(i / 5 % 3 * TRACES + trace));
    }
}

/* ---- what came of it ---- */

/* The fixed rule that does best over all cells. */
static int best_for_all(const cell *cells, int k) {
    double sums[FIXED] = {0};
    int best = 0;
    for (int i = 0; i < CELLS; i++)
        for (int r = 0; r < FIXED; r++)
            sums[r] += cells[i].good[k][r];
    for (int r = 1; r < FIXED; r++)
        if (sums[r] > sums[best]) best = r;
    return best;
}

static double best_fixed(const cell *c, int k) {
    double best = 0;
    for (int r = 0; r < FIXED; r++)
        best = fmax(best, c->good[k][r]);
    return best;
}

/* Adaptive against a rule, or (-1) the best of a cell. */
static void print_comparison(const cell *cells, int k, int against) {
    int below = 0, bursty = 0, reached = 0, possible = 0;
    double least = INFINITY;
    for (int i = 0; i < CELLS; i++) {
        const cell *c = &cells[i];
        const double other = against < 0 ? best_fixed(c, k) : c->good[k][against];
        const double times = c->good[k][ADAPTIVE] / other;
        least = fmin(least, times);
        below += times < 0.99;
        if (c->ratio < 1 || c->burstiness == 1) continue;
        bursty++;
        reached += times >= 1.2;
        possible += c->best[k] >= 1.2 * other;
    }
    printf("  against %-34s at least %.3f times it, below 0.99 in %d of %d cells; 1.2 times in %d of the %d "
           "bursty cells with tau0 >= alpha (the clairvoyant: %d)\n",
           against < 0 ? "the best fixed rule of each cell" : rules[against].name, least, below, CELLS,
           reached, bursty, possible);
}

static void print_rules(const cell *cells, int k) {
    printf("  %-12s  in time  of the clairvoyant's: mean   least\n", "");
    for (int r = 0; r < RULES; r++) {
        double sum = 0, shares = 0, least = INFINITY;
        for (int i = 0; i < CELLS; i++) {
            const double share = cells[i].good[k][r] / cells[i].best[k];
            sum += cells[i].good[k][r];
            shares += share;
            least = fmin(least, share);
        }
        printf("  %-12s  %5.1f %%                      %5.1f %%  %5.1f %%\n", rules[r].name,
               100 * sum / CELLS, 100 * shares / CELLS, 100 * least);
    }
}

/* The cells where a fixed rule does better, the worst first. */
static void print_worst(const cell *cells, int k) {
    double before = 0;
    for (int seen = 0; seen < WORST_SEEN; seen++) {
        const cell *worst = NULL;
        double least = 1;
        for (int i = 0; i < CELLS; i++) {
            const double times = cells[i].good[k][ADAPTIVE] / best_fixed(&cells[i], k);
            if (times < least && times > before) {
                least = times;
                worst = &cells[i];
            }
        }
        if (!worst || least >= 0.995) return;
        before = least;
        printf("  %.3f times the best: tau0/alpha %g, SLA %g s(16), burstiness %g, load %g: %.3f in time\n",
               least, worst->ratio, worst->sla, worst->burstiness, worst->load, worst->good[k][ADAPTIVE]);
    }
}

static void print_all(const cell *cells) {
    for (int k = 0; k < KIND_COUNT; k++) {
        printf("%s%s: %s\n", k > 0 ? "\n" : "", kind_titles[k],
               k == SILENT
                   ? "all are answered in their order, and so does the clairvoyant"
                   : "a request is over at its promise, and the clairvoyant leaves out whom it likes");
        print_rules(cells, k);
        print_comparison(cells, k, -1);
        print_comparison(cells, k, best_for_all(cells, k));
        print_worst(cells, k);
    }
}

/* ---- the picture ---- */

static const struct curve {
    int rule; /* -1: the clairvoyant */
    const char *colour, *dash;
} curves[] = {{-1, BT_COLOUR_GREY, "2"},           {BATCH_OF_ONE, BT_COLOUR_MEMORY, "1"},
              {AIMD, BT_COLOUR_NOT_SHOWN, "1"},    {0, BT_COLOUR_PREDICTED, "1"},
              {DELAY_DEFAULT, BT_COLOUR_P50, "1"}, {ADAPTIVE, BT_COLOUR_MET, "1"}};
#define CURVES ((int)(sizeof curves / sizeof *curves))

/* A block for each kind and fixed cost: load, the clairvoyant, each rule; bursty, tight. */
static void write_data(FILE *out, const cell *cells) {
    fputs("# load, clairvoyant", out);
    for (int r = 0; r < RULES; r++)
        fprintf(out, ", %s", rules[r].name);
    for (int k = 0; k < KIND_COUNT; k++)
        for (int i = 0; i < CELLS; i++) {
            const cell *c = &cells[i];
            if (i % 5 == 0)
                fprintf(out, "\n\n# %s, tau0/alpha %g, SLA %g s(16), burstiness %g\n", kind_titles[k],
                        c->ratio, c->sla, c->burstiness);
            fprintf(out, "%g %.4f", c->load, c->best[k]);
            for (int r = 0; r < RULES; r++)
                fprintf(out, " %.4f", c->good[k][r]);
            fputc('\n', out);
        }
}

static void write_panel(FILE *out, int k, int ratio) {
    int clauses = 0;
    fprintf(out, "set title '%s: τ₀/α = %g' font ',10' offset 0,-0.5\n", kind_titles[k], ratios[ratio]);
    fputs(k == 0 && ratio == 0 ? "set key left bottom Left reverse samplen 1.5 font ',8'\n" : "unset key\n",
          out);
    for (int i = 0; i < CURVES; i++) {
        bt_script_clause(out, &clauses);
        fprintf(out,
                "data index %d using 1:(100*$%d) with linespoints pointtype 7 pointsize 0.4 linewidth %d "
                "dashtype %s linecolor rgb '%s' title '%s'",
                k * CELLS / 5 + ratio * 6 + 2, curves[i].rule + 3, curves[i].rule == ADAPTIVE ? 3 : 2,
                curves[i].dash, curves[i].colour,
                curves[i].rule < 0 ? "clairvoyant" : rules[curves[i].rule].name);
    }
    fputc('\n', out);
}

static void write_script(FILE *out) {
    bt_script_prologue(out, "policies", "policies", "1200,900");
    fputs("set encoding utf8\n"
          "set multiplot layout 3,4 title 'Answered within a tight SLA, bursty arrivals (gaps'' coefficient "
          "of variation 4)' font ',13'\n"
          "set border 3\nset tics nomirror out\n"
          "set grid ytics linecolor rgb '" BT_COLOUR_GRID "' linetype 1\n"
          "set xrange [0.27:0.98]\nset yrange [0:100]\nset xtics 0.2\n"
          "set xlabel 'load (of what batches of 16 could serve)' font ',9' offset 0,0.4\n"
          "set ylabel 'of all requests (%)' font ',9' offset 1,0\n",
          out);
    for (int k = 0; k < KIND_COUNT; k++)
        for (int ratio = 0; ratio < 4; ratio++)
            write_panel(out, k, ratio);
    fputs("unset multiplot\nunset output\nreset\n}\n", out);
}

static void draw(const cell *cells, const char *folder) {
    char path[2 * BT_PATH_SIZE], said[BT_GNUPLOT_SAID_SIZE] = "";
    bt_plot_scripts scripts = {.names = {"./policies.gnuplot"}, .count = 1};
    bt_whole_file data, script;
    bt_error error;
    must(bt_folder_make(folder, &error), &error);
    bt_status status = bt_whole_file_open(&data, "the data", &error);
    if (status == BT_OK) write_data(data.out, cells);
    snprintf(path, sizeof path, "%s/policies.dat", folder);
    must(bt_whole_file_close(&data, status, path, &error), &error);
    status = bt_whole_file_open(&script, "the script", &error);
    if (status == BT_OK) write_script(script.out);
    snprintf(path, sizeof path, "%s/policies.gnuplot", folder);
    must(bt_whole_file_close(&script, status, path, &error), &error);
    status = bt_plot_scripts_run(&scripts, folder, BT_PLOT_TIMEOUT_NS, said, &error);
    if (status == BT_UNSUPPORTED)
        printf("\n%s\n", error.message);
    else
        must(status, &error);
    printf("\n%s/policies.png, .svg, .gnuplot and .dat (every cell)\n", folder);
}

int main(int argc, char **argv) {
    static cell cells[CELLS];
    if (argc < 2) {
        fprintf(stderr, "usage: study-policies FOLDER [SEED [NOISE]]\n");
        return 2;
    }
    noise = argc > 3 ? atof(argv[3]) : 0;
    study(cells, argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    print_all(cells);
    draw(cells, argv[1]);
    return 0;
}
