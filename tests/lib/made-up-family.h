/* Families of service times: s(b) of every way of running one model, of whatever shape devices show. A search for
 * the best size, precision and number of instances is measured on them, where the best is known. */
#ifndef BT_TESTS_MADE_UP_FAMILY_H
#define BT_TESTS_MADE_UP_FAMILY_H

#include <stdint.h>

#include "made-up-machine.h"
#include "record/sweep-record.h"
#include "tune/contest.h"

typedef enum family_kind {
    FAMILY_LINES,    /* tau0 + alpha b */
    FAMILY_STAIRS,   /* tiles: a step for each so many images */
    FAMILY_KINKS,    /* another slope from some size on, steeper or flatter */
    FAMILY_PLATEAUS, /* no dearer until the device is full */
    FAMILY_UNEVEN,   /* some sizes take a slow algorithm: a larger batch may be the faster one */
    FAMILY_WALLS,    /* memory ends at a size, another for each precision */
    FAMILY_CROSSING, /* who loses at a batch of one wins at larger ones */
    FAMILY_SPELLS,   /* now and then all is slower for a while */
    FAMILY_MADE_UP,  /* the kinds above are drawn; below are those that somebody measured */
    FAMILY_RECORDED = FAMILY_MADE_UP,
    FAMILY_KINDS
} family_kind;

#define FAMILY_PRECISIONS 3 /* FP32, BF16 and INT8, in that order */

typedef struct family {
    family_kind kind;
    char name[48]; /* "seed 12", or what was recorded where */
    bt_division divisions[BT_DIVISIONS_MAX];
    int division_count, precision_count;
    double service_ms[FAMILY_PRECISIONS][BT_DIVISIONS_MAX][BT_SEARCH_MAX_BATCH + 1];
    int out_of_memory_at[FAMILY_PRECISIONS]; /* the smallest such size; 0: none */
    double p95_sla_ms;
    machine usual; /* noise, spells, what opening and warming up takes: of every way */
} family;

/* A family of that kind; the same for the same seed. */
void family_draw(family *f, family_kind kind, uint64_t seed);

/* What was measured on real devices, from 0; false where there are no more. Between the sizes that were measured
 * lie straight lines, and the largest one is the last that fits. */
bool family_recorded(family *f, int index);

/* One way of the family, as a machine that answers a contest's turns and a sweep's steps. */
typedef struct family_way {
    machine machine;
    int instances;
    bool opened, prepared[BT_SEARCH_MAX_BATCH + 1];
} family_way;

/* How contender `c` of it runs; `f` must outlive it. */
family_way family_way_of(const family *f, const bt_contender *c);

/* Carries out a step: opening and warming up, where that was not yet, count as its time. */
bt_step_result family_answer(family_way *way, const bt_step *step);

/* Of one run of a batch: the probability that it takes longer than the SLA. */
double family_late_fraction(const family *f, double service_ms);

/* s(b) of a contender's way; INFINITY where memory does not do for it. */
double family_service_ms(const family *f, const bt_contender *c, int batch_size);

#endif
