#include "tune/dealing.h"

#include <stdlib.h>

/* One rank. */
typedef struct member {
    bool takes_part, is_busy;
    int model;                           /* whose session it has open, -1 at first */
    int sizes[BT_SIZES_MAX], size_count; /* of that model, which it has prepared */
    bt_parcel left;                      /* of what it is at */
    unsigned barred;                     /* from these models, a bit each */
    int measured;
} member;

/* A size of a model. */
typedef struct size_of {
    int model, batch_size;
} size_of;

/* Sizes that are not measured ahead of their turn; beyond so many, the oldest are tried again. */
#define AVOIDED_MAX 64

struct bt_dealing {
    member *members;
    size_of *losses; /* what ranks were at that were lost; as many as there are ranks, the newest */
    size_of avoided[AVOIDED_MAX];
    int ranks, loss_count, avoided_count;
};

bt_status bt_dealing_open(bt_dealing **out, int ranks, bt_error *error) {
    *out = NULL;
    bt_dealing *d = calloc(1, sizeof *d);
    if (d) {
        d->members = calloc((size_t)ranks, sizeof *d->members);
        d->losses = calloc((size_t)ranks, sizeof *d->losses);
    }
    if (!d || !d->members || !d->losses) {
        bt_dealing_close(&d);
        return bt_no_memory(error, "%d ranks", ranks);
    }
    d->ranks = ranks;
    for (int i = 0; i < ranks; i++)
        d->members[i].model = -1;
    *out = d;
    return BT_OK;
}

void bt_dealing_close(bt_dealing **dealing) {
    if (!*dealing) return;
    free((*dealing)->members);
    free((*dealing)->losses);
    free(*dealing);
    *dealing = NULL;
}

/* ---- who is at what ---- */

void bt_dealing_join(bt_dealing *d, int rank) {
    d->members[rank].takes_part = true;
}

bool bt_dealing_takes_part(const bt_dealing *d, int rank) {
    return d->members[rank].takes_part;
}

int bt_dealing_at(const bt_dealing *d, int rank) {
    return d->members[rank].is_busy ? d->members[rank].model : -1;
}

int bt_dealing_measured(const bt_dealing *d, int rank) {
    return d->members[rank].measured;
}

static bool has_prepared(const member *m, int batch_size) {
    for (int i = 0; i < m->size_count; i++)
        if (m->sizes[i] == batch_size) return true;
    return false;
}

void bt_dealing_answered(bt_dealing *d, int rank, const bt_step *step) {
    member *m = &d->members[rank];
    m->measured++;
    if (!has_prepared(m, step->batch_size) && m->size_count < BT_SIZES_MAX)
        m->sizes[m->size_count++] = step->batch_size;
    if (m->left.count == 0 || !bt_step_equal(&m->left.steps[0], step)) return;
    for (int i = 1; i < m->left.count; i++)
        m->left.steps[i - 1] = m->left.steps[i];
    m->left.count--;
}

void bt_dealing_done(bt_dealing *d, int rank) {
    d->members[rank].is_busy = false;
    d->members[rank].left.count = 0;
}

void bt_dealing_bar(bt_dealing *d, int rank, int model) {
    d->members[rank].barred |= 1U << model;
}

static bool is_barred(const member *m, int model) {
    return m->barred >> model & 1;
}

bool bt_dealing_all_barred(const bt_dealing *d, int model) {
    for (int i = 0; i < d->ranks; i++)
        if (d->members[i].takes_part && !is_barred(&d->members[i], model)) return false;
    return true;
}

bool bt_dealing_lose(bt_dealing *d, int rank, int *model, bt_step *step) {
    member *m = &d->members[rank];
    const bool had_work = m->is_busy && m->left.count > 0;
    if (had_work) {
        *model = m->model;
        *step = m->left.steps[0];
        d->losses[d->loss_count++ % d->ranks] = (size_of){m->model, step->batch_size};
    }
    const int measured = m->measured;
    *m = (member){.model = -1, .measured = measured};
    return had_work;
}

int bt_dealing_deaths(const bt_dealing *d, int model, int batch_size) {
    int deaths = 0;
    for (int i = 0; i < d->loss_count && i < d->ranks; i++)
        deaths += d->losses[i].model == model && d->losses[i].batch_size == batch_size;
    return deaths;
}

void bt_dealing_avoid(bt_dealing *d, int model, int batch_size) {
    d->avoided[d->avoided_count++ % AVOIDED_MAX] = (size_of){model, batch_size};
}

static bool is_avoided(const bt_dealing *d, int model, const bt_parcel *parcel) {
    for (int i = 0; i < d->avoided_count && i < AVOIDED_MAX; i++)
        if (d->avoided[i].model == model && parcel->count > 0 &&
            d->avoided[i].batch_size == parcel->steps[0].batch_size)
            return true;
    return false;
}

/* ---- dealing ---- */

/* Parcels are alike where they end alike: one may want the size's memory first. One without steps opens a session. */
static bool are_alike(const bt_parcel *a, const bt_parcel *b) {
    if (a->count == 0 || b->count == 0) return a->count == b->count;
    return bt_step_equal(&a->steps[a->count - 1], &b->steps[b->count - 1]);
}

/* So many are measured, or being measured. */
static int under_way(const bt_dealing *d, const bt_wishes *wishes, int model, const bt_parcel *parcel,
                     const bt_pool *pool) {
    int count = parcel->count == 0
                    ? 0
                    : bt_pool_left(pool, BT_POOL_FORESIGHT, wishes->model, &parcel->steps[parcel->count - 1]);
    for (int i = 0; i < d->ranks; i++)
        if (d->members[i].is_busy && d->members[i].model == model && are_alike(&d->members[i].left, parcel))
            count++;
    return count;
}

/* The first that is not; but of turns, one of a size that the rank has prepared. */
static const bt_parcel *find_parcel(const bt_dealing *d, const member *m, const bt_wishes *wishes, int model,
                                    const bt_pool *pool) {
    const bt_parcel *first = NULL;
    for (int i = 0; i < wishes->count; i++) {
        const bt_parcel *parcel = &wishes->parcels[i];
        int wanted = 1;
        if (i > 0 && is_avoided(d, model, parcel)) continue;
        for (int k = 0; k < i; k++)
            wanted += are_alike(&wishes->parcels[k], parcel);
        if (under_way(d, wishes, model, parcel, pool) >= wanted) continue;
        const bool is_at_hand =
            parcel->count == 1 && m->model == model && has_prepared(m, parcel->steps[0].batch_size);
        if (parcel->count != 1 || is_at_hand) return parcel;
        if (!first) first = parcel;
    }
    return first;
}

/* How many ranks have the model open: those without one spread over the models. */
static int crowd(const bt_dealing *d, int model) {
    int count = 0;
    for (int i = 0; i < d->ranks; i++)
        count += d->members[i].takes_part && d->members[i].model == model;
    return count;
}

/* Where the rank goes: to its own model, else where the fewest are. */
static const bt_parcel *choose(const bt_dealing *d, const member *m, const bt_wishes *wishes, int models,
                               const bt_pool *pool, int *model) {
    const bt_parcel *best = NULL;
    if (m->model >= 0 && !is_barred(m, m->model)) best = find_parcel(d, m, &wishes[m->model], m->model, pool);
    *model = m->model;
    if (best) return best;
    for (int i = 0; i < models; i++) {
        if (is_barred(m, i) || (best && crowd(d, i) >= crowd(d, *model))) continue;
        const bt_parcel *parcel = find_parcel(d, m, &wishes[i], i, pool);
        if (parcel) *model = i;
        if (parcel) best = parcel;
    }
    return best;
}

bool bt_dealing_next(bt_dealing *d, int rank, const bt_wishes *wishes, int models, const bt_pool *pool,
                     int *model, bt_parcel *parcel) {
    member *m = &d->members[rank];
    if (!m->takes_part || m->is_busy) return false;
    const bt_parcel *found = choose(d, m, wishes, models, pool, model);
    if (!found) return false;
    *parcel = m->left = *found;
    if (m->model != *model) m->size_count = 0;
    m->model = *model;
    m->is_busy = true;
    return true;
}
