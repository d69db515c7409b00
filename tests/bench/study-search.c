/* study-search: the tuner's search over batch size, precision and instances, on 200 drawn families of service times
 * and on those that were recorded on devices, against the exhaustive search. Prints the share of its time and of its
 * score, by kind of family and by objective, and the worst families; plots both where gnuplot is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "measure/quantile.h"
#include "report/gnuplot.h"
#include "search-study.h"
#include "tune/objective.h"

#define DRAWN      200
#define FAMILIES   (DRAWN + 32)
#define SHARE      0.25 /* of the exhaustive time: the budget */
#define OBJECTIVES 3
#define WORST      10
#define FOLDER     "plots/study"

typedef struct cell {
    char name[48];
    family_kind kind;
    bt_objective objective;
    search_result result;
} cell;

static cell cells[FAMILIES * OBJECTIVES];
static int cell_count;

static const char *const kinds[FAMILY_KINDS] = {"lines",  "stairs",   "kinks",  "plateaus", "uneven",
                                                "memory", "crossing", "spells", "recorded"};

static bt_status study(const family *f, bt_error *error) {
    bt_status status = BT_OK;
    for (int objective = 0; objective < OBJECTIVES && status == BT_OK; objective++) {
        cell *c = &cells[cell_count++];
        *c = (cell){.kind = f->kind, .objective = (bt_objective)objective};
        memcpy(c->name, f->name, sizeof c->name);
        status = search_study(&c->result, f, c->objective, f->kind == FAMILY_RECORDED ? 10 : SHARE, error);
    }
    return status;
}

static bt_status study_all(bt_error *error) {
    static family f;
    bt_status status = BT_OK;
    for (int seed = 1; seed <= DRAWN && status == BT_OK; seed++) {
        family_draw(&f, (family_kind)(seed % FAMILY_MADE_UP), (uint64_t)seed);
        status = study(&f, error);
    }
    for (int i = 0; family_recorded(&f, i) && status == BT_OK; i++)
        status = study(&f, error);
    return status;
}

/* ---- the table ---- */

static double share_of(const cell *c) {
    return (c->result.took_s - c->result.proof_s) / c->result.exhaustive_s;
}

/* Of the cells of one kind, or of all (kind < 0), by one objective, or by all. */
static void print_row(int kind, int objective) {
    int count = 0, near = 0, in_time = 0, proved = 0, late = 0;
    double sum = 0, least = 1, share = 0, most = 0;
    for (const cell *c = cells; c < cells + cell_count; c++) {
        if ((kind >= 0 && (int)c->kind != kind) || (objective >= 0 && (int)c->objective != objective))
            continue;
        const double ratio = search_ratio(&c->result);
        count++;
        sum += ratio;
        least = fmin(least, ratio);
        share += share_of(c);
        most = fmax(most, share_of(c));
        near += ratio >= 0.93;
        in_time += share_of(c) <= SHARE;
        proved += c->result.proved;
        late += c->result.proved && c->result.late;
    }
    if (count == 0) return;
    printf("%-10s %-10s %5d   %6.4f  %6.4f  %5d   %6.3f  %6.3f  %5d   %5d  %4d\n",
           kind < 0 ? "all" : kinds[kind], objective < 0 ? "all" : bt_objective_name((bt_objective)objective),
           count, sum / count, least, near, share / count, most, in_time, proved, late);
}

static int by_ratio(const void *a, const void *b) {
    const double x = search_ratio(&((const cell *)a)->result), y = search_ratio(&((const cell *)b)->result);
    return (x > y) - (x < y);
}

static void print_worst(void) {
    printf("\nthe worst:\n");
    for (const cell *c = cells; c < cells + WORST; c++)
        printf("  %.4f  %-8s %-40s %-10s %s x%d batch %d, best %s x%d batch %d; %.3f of the time%s\n",
               search_ratio(&c->result), kinds[c->kind], c->name, bt_objective_name(c->objective),
               c->result.way.precision, c->result.way.instances, c->result.batch_size,
               c->result.best_way.precision, c->result.best_way.instances, c->result.best_batch_size,
               share_of(c), c->result.proved ? "" : ", not proved");
}

static void print_all(void) {
    printf("%-10s %-10s %5s   %6s  %6s  %5s   %6s  %6s  %5s   %5s  %4s\n", "family", "objective", "cells",
           "score", "least", ">=.93", "time", "most", "<=.25", "shown", "late");
    for (int kind = 0; kind < FAMILY_KINDS; kind++)
        print_row(kind, -1);
    for (int objective = 0; objective < OBJECTIVES; objective++)
        print_row(-1, objective);
    print_row(-1, -1);
    qsort(cells, (size_t)cell_count, sizeof *cells, by_ratio);
    print_worst();
}

/* ---- the plot ---- */

static const char script[] =
    "set terminal svg size 900,420 font 'sans,12' background rgb 'white'\n"
    "set output 'search.svg'\n"
    "set multiplot layout 1,2\n"
    "set style fill solid 0.7\nset boxwidth 0.009\nunset key\nset ylabel 'searches'\nset logscale y\n"
    "set yrange [0.5:*]\nbin(x, w) = w * (floor(x / w) + 0.5)\n"
    "set title 'score reached, of the best'\nset xrange [0.8:1.01]\n"
    "set arrow 1 from 0.93, graph 0 to 0.93, graph 1 nohead dashtype 2\n"
    "plot 'search.tsv' using (bin($1 > 0.8 ? $1 : 0.8, 0.01)):(1) smooth frequency with boxes lc rgb "
    "'#3b6ea5'\n"
    "unset arrow 1\nset title 'time taken, of the exhaustive search'\nset xrange [0:0.4]\n"
    "set arrow 2 from 0.25, graph 0 to 0.25, graph 1 nohead dashtype 2\n"
    "plot 'search.tsv' using (bin($2, 0.01)):(1) smooth frequency with boxes lc rgb '#c46a2f'\n"
    "unset multiplot\n";

static bt_status plot(bt_error *error) {
    static const char *const scripts[] = {"search.gp"};
    char said[BT_GNUPLOT_SAID_SIZE];
    char *text = NULL;
    size_t size = 0;
    FILE *data = open_memstream(&text, &size);
    if (!data) return bt_no_memory(error, "the plot's data");
    for (const cell *c = cells; c < cells + cell_count; c++)
        fprintf(data, "%.6f\t%.6f\t%s\t%s\n", search_ratio(&c->result), share_of(c), kinds[c->kind], c->name);
    fclose(data);
    bt_status status = bt_folder_make(FOLDER, error);
    if (status == BT_OK) status = bt_file_replace(FOLDER "/search.tsv", text, size, false, error);
    if (status == BT_OK)
        status = bt_file_replace(FOLDER "/search.gp", script, sizeof script - 1, false, error);
    free(text);
    if (status == BT_OK) status = bt_gnuplot_run(FOLDER, scripts, 1, 60 * BT_NS_PER_S, said, error);
    if (status == BT_OK) printf("\n%s/search.svg\n", FOLDER);
    return status;
}

int main(void) {
    bt_error error = {BT_OK, ""};
    bt_status status = study_all(&error);
    if (status == BT_OK) {
        print_all();
        status = plot(&error);
    }
    if (status != BT_OK) fprintf(stderr, "study-search: %s\n", error.message);
    return status != BT_OK;
}
