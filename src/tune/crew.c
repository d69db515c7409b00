/* Rank 0's side. */
#include "tune/crew.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cores.h"
#include "base/files.h"
#include "base/text.h"
#include "base/version.h"
#include "tune/crew-talk.h"
#include "tune/dealing.h"
#include "tune/foresight.h"

/* How long rank 0 waits for a message before it looks at its own hand. */
#define LOOK_MS 1

/* Parcels that are looked ahead, of each model. More than so many ranks are not kept busy by one model. */
#define AHEAD_MAX 64

struct bt_crew {
    bt_ranks *ranks;
    bt_pool *pool;
    bt_dealing *dealing;
    bool *lost; /* by rank: it was told of */
    bool *fits; /* by rank: what it measures counts here */
    /* while work is dealt */
    const bt_optimize_options *options;
    const bt_contender *ways;
    bt_foresight *foresight;
    bt_hand *hand;
    int next_id, *ids; /* by rank: of the work that it is at */
};

bt_status bt_crew_open(bt_crew **out, bt_ranks *ranks, const char *folder, bt_error *error) {
    char path[BT_PATH_SIZE];
    const size_t count = (size_t)bt_ranks_count(ranks);
    *out = NULL;
    bt_crew *crew = calloc(1, sizeof *crew);
    if (crew) crew->lost = calloc(count, sizeof *crew->lost);
    if (crew) crew->fits = calloc(count, sizeof *crew->fits);
    if (crew) crew->ids = calloc(count, sizeof *crew->ids);
    bt_status status =
        crew && crew->lost && crew->fits && crew->ids ? BT_OK : bt_no_memory(error, "%zu ranks", count);
    if (status == BT_OK) status = bt_dealing_open(&crew->dealing, (int)count, error);
    if (status == BT_OK) status = bt_path_join(path, error, "%s/ranks.jsonl", folder);
    if (status == BT_OK) status = bt_pool_open(&crew->pool, path, error);
    if (status != BT_OK) {
        bt_crew_close(&crew);
        return status;
    }
    crew->ranks = ranks;
    bt_dealing_join(crew->dealing, 0);
    *out = crew;
    return BT_OK;
}

void bt_crew_close(bt_crew **crew) {
    if (!*crew) return;
    bt_pool_close(&(*crew)->pool);
    bt_dealing_close(&(*crew)->dealing);
    free((*crew)->lost);
    free((*crew)->fits);
    free((*crew)->ids);
    free(*crew);
    *crew = NULL;
}

bt_pool *bt_crew_pool(bt_crew *crew) {
    return crew ? crew->pool : NULL;
}

/* ---- who takes part ---- */

/* Figures of another machine, or of another version's code, are not this run's. A simulation's are anybody's. */
static bool fits(const bt_crew *crew, const bt_ready *ready, char *why, size_t size) {
    const bool simulated = crew->options->models[0].simulated;
    const int cores = bt_cores_count();
    if (ready->trouble[0])
        snprintf(why, size, "%s", ready->trouble);
    else if (strcmp(ready->version, bt_version()) != 0)
        snprintf(why, size, "it is version %s, and this is %s", ready->version, bt_version());
    else if (!simulated && strcmp(ready->machine, crew->options->machine->fingerprint) != 0)
        snprintf(why, size, "its machine is another kind than rank 0's, whose figures these are");
    else if (!simulated && strcmp(crew->options->settings->device, "cpu") == 0 && ready->cores != cores)
        snprintf(why, size, "it has %d of its host's cores, and rank 0 has %d", ready->cores, cores);
    else
        return true;
    return false;
}

static void take_ready(bt_crew *crew, int rank, const bt_ready *ready) {
    char why[BT_ERROR_MESSAGE_SIZE];
    crew->fits[rank] = fits(crew, ready, why, sizeof why);
    if (crew->fits[rank])
        bt_dealing_join(crew->dealing, rank);
    else
        bt_log_write(crew->options->log, BT_LOG_WARNING, "rank %d on %s measures nothing: %s", rank,
                     ready->host, why);
}

/* ---- news ---- */

/* As of rank 0's device, on which the config is to be served: each rank of a host has another GPU, of the same kind. */
static void name_own_device(const bt_crew *crew, char *device, size_t size) {
    const char *own = crew->options->settings->device, *rest = strchr(device, ' ');
    char named[sizeof((bt_session_info *)NULL)->device];
    if (strncmp(device, "cuda:", 5) != 0 || strncmp(own, "cuda:", 5) != 0) return;
    snprintf(named, sizeof named, "%.16s%.100s", own, rest ? rest : "");
    snprintf(device, size, "%s", named);
}

static bt_status take_facts(bt_crew *crew, int rank, const bt_news *news, bt_error *error) {
    bt_worker_facts facts = news->facts;
    name_own_device(crew, facts.info.device, sizeof facts.info.device);
    return bt_pool_add_facts(crew->pool, bt_foresight_model(crew->foresight, news->model), rank, &facts,
                             news->elapsed_s, error);
}

static bt_status take_result(bt_crew *crew, int rank, const bt_news *news, bt_error *error) {
    const char *model = bt_foresight_model(crew->foresight, news->model);
    bt_dealing_answered(crew->dealing, rank, &news->step);
    if (news->result.status == BT_OK || bt_foresight_needs(crew->foresight, news->model, &news->step))
        return bt_pool_add(crew->pool, model, rank, &news->step, &news->result, error);
    /* Another rank's work beside it may be why, and its turn may never come. */
    bt_dealing_avoid(crew->dealing, news->model, news->step.batch_size);
    return BT_OK;
}

static void take_refusal(bt_crew *crew, int rank, const bt_news *news) {
    const char *model = bt_foresight_model(crew->foresight, news->model);
    bt_dealing_bar(crew->dealing, rank, news->model);
    if (rank != 0) /* of rank 0 the run itself tells */
        bt_log_write(crew->options->log, BT_LOG_WARNING, "rank %d cannot measure %s: %s", rank, model,
                     news->error.message);
    if (bt_dealing_all_barred(crew->dealing, news->model)) bt_foresight_give_up(crew->foresight, news->model);
}

/* News of work that the rank was given before it was taken for dead are of no more use than its being back. */
static bt_status take_news(bt_crew *crew, int rank, const bt_news *news, bt_error *error) {
    bt_status status = BT_OK;
    if (news->id != crew->ids[rank] || bt_dealing_at(crew->dealing, rank) != news->model) return BT_OK;
    switch (news->kind) {
    case BT_NEWS_FACTS:
        status = take_facts(crew, rank, news, error);
        break;
    case BT_NEWS_RESULT:
        status = take_result(crew, rank, news, error);
        break;
    case BT_NEWS_REFUSED:
        take_refusal(crew, rank, news);
        break;
    case BT_NEWS_DONE:
        bt_dealing_done(crew->dealing, rank);
        break;
    }
    return status == BT_OK ? bt_foresight_advance(crew->foresight, error) : status;
}

/* ---- who is gone ---- */

/* A size at which ranks die one after another is no size to try on the last one. */
static bt_status take_loss(bt_crew *crew, int rank, int model, const bt_step *step, bt_error *error) {
    const char *name = bt_foresight_model(crew->foresight, model);
    const bool fatal = bt_dealing_deaths(crew->dealing, model, step->batch_size) >= BT_DEALING_DEATHS;
    bt_log_write(crew->options->log, BT_LOG_WARNING,
                 "rank %d is gone: %s batch %d, which it was measuring, %s", rank, name, step->batch_size,
                 fatal ? "is left out, since others were lost over it, too" : "is measured by another");
    if (!fatal) return BT_OK;
    bt_step_result result = bt_step_result_empty();
    result.status = BT_CLOSED;
    snprintf(result.message, sizeof result.message, "%d ranks were lost while they measured it",
             BT_DEALING_DEATHS);
    bt_status status = bt_pool_add(crew->pool, name, rank, step, &result, error);
    return status == BT_OK ? bt_foresight_advance(crew->foresight, error) : status;
}

/* What the lost one alone could measure, nobody can. */
static void give_up_barred(bt_crew *crew) {
    for (int model = 0; model < bt_foresight_models(crew->foresight); model++)
        if (bt_dealing_all_barred(crew->dealing, model)) bt_foresight_give_up(crew->foresight, model);
}

static bt_status look_for_losses(bt_crew *crew, bt_error *error) {
    bt_status status = BT_OK;
    for (int rank = 1; rank < bt_ranks_count(crew->ranks) && status == BT_OK; rank++) {
        const bool gone = bt_ranks_is_gone(crew->ranks, rank);
        int model;
        bt_step step;
        if (gone == crew->lost[rank]) continue;
        crew->lost[rank] = gone;
        if (!gone) {
            bt_log_write(crew->options->log, BT_LOG_INFO, "rank %d is back", rank);
            if (crew->fits[rank]) bt_dealing_join(crew->dealing, rank);
        } else if (bt_dealing_lose(crew->dealing, rank, &model, &step)) {
            status = take_loss(crew, rank, model, &step, error);
        } else {
            bt_log_write(crew->options->log, BT_LOG_WARNING, "rank %d is gone", rank);
        }
        if (gone) give_up_barred(crew);
    }
    return status;
}

/* ---- dealing ---- */

static bt_status give(bt_crew *crew, int rank, int model, const bt_parcel *parcel, bt_error *error) {
    bt_talk talk = {
        .kind = BT_TALK_WORK,
        .work = {.id = ++crew->next_id, .model = model, .way = crew->ways[model], .parcel = *parcel}};
    crew->ids[rank] = talk.work.id;
    if (rank == 0) {
        bt_hand_give(crew->hand, &talk.work);
        return BT_OK;
    }
    snprintf(talk.folder, sizeof talk.folder, "%s", bt_run_folder(crew->options->run));
    return bt_talk_send(crew->ranks, rank, &talk, error);
}

static bool anybody_is_free(const bt_crew *crew) {
    for (int rank = 0; rank < bt_ranks_count(crew->ranks); rank++)
        if (bt_dealing_takes_part(crew->dealing, rank) && bt_dealing_at(crew->dealing, rank) < 0) return true;
    return false;
}

/* Something for everybody who is free. *wanted: whether anything is still to be measured. */
static bt_status deal(bt_crew *crew, bool *wanted, bt_error *error) {
    static bt_parcel parcels[BT_NAMES_MAX][AHEAD_MAX]; /* of the one thread that deals */
    bt_wishes wishes[BT_NAMES_MAX];
    const int models = bt_foresight_models(crew->foresight);
    bt_status status = BT_OK;
    if (!anybody_is_free(crew)) return BT_OK;
    *wanted = false;
    for (int i = 0; i < models; i++) {
        wishes[i] = (bt_wishes){bt_foresight_model(crew->foresight, i), parcels[i],
                                bt_foresight_wishes(crew->foresight, i, parcels[i], AHEAD_MAX)};
        *wanted = *wanted || wishes[i].count > 0;
    }
    for (int rank = 0; rank < bt_ranks_count(crew->ranks) && status == BT_OK; rank++) {
        int model;
        bt_parcel parcel;
        if (bt_dealing_next(crew->dealing, rank, wishes, models, crew->pool, &model, &parcel))
            status = give(crew, rank, model, &parcel, error);
    }
    return status;
}

/* Whatever came in since: from others, then from the own hand. */
static bt_status listen(bt_crew *crew, bt_error *error) {
    bt_talk talk;
    bt_news news;
    int from;
    bt_status status = bt_talk_receive(crew->ranks, LOOK_MS, &from, &talk, error);
    for (; status == BT_OK; status = bt_talk_receive(crew->ranks, 0, &from, &talk, error)) {
        if (talk.kind == BT_TALK_READY) take_ready(crew, from, &talk.ready);
        if (talk.kind == BT_TALK_NEWS) status = take_news(crew, from, &talk.news, error);
        if (status != BT_OK) return status;
    }
    if (status != BT_TIMEOUT) return status;
    status = BT_OK;
    while (status == BT_OK && bt_hand_news(crew->hand, &news))
        status = take_news(crew, 0, &news, error);
    return status;
}

static void report(const bt_crew *crew) {
    char words[512] = "";
    for (int rank = 0; rank < bt_ranks_count(crew->ranks); rank++)
        bt_text_append(words, sizeof words, "%s%d by rank %d", rank ? ", " : "",
                       bt_dealing_measured(crew->dealing, rank), rank);
    bt_log_write(crew->options->log, BT_LOG_INFO, "steps measured: %s", words);
}

static bt_status deal_all(bt_crew *crew, bt_error *error) {
    bool wanted = true;
    bt_status status = bt_foresight_advance(crew->foresight, error);
    while (status == BT_OK && wanted && !bt_tuning_stopped(crew->options)) {
        status = deal(crew, &wanted, error);
        if (status == BT_OK && wanted) status = listen(crew, error);
        if (status == BT_OK) status = look_for_losses(crew, error);
        bt_log_progress(crew->options->log, bt_clock_now_ns(),
                        fmin(bt_foresight_progress(crew->foresight), 0.99), "%d ranks are measuring",
                        bt_ranks_count(crew->ranks));
    }
    return status;
}

bt_status bt_crew_measure(bt_crew *crew, const bt_optimize_options *options, const bt_contender *ways,
                          double time_budget_s, bt_error *error) {
    crew->options = options;
    crew->ways = ways;
    bt_status status = bt_foresight_open(&crew->foresight, options, ways, crew->pool, time_budget_s, error);
    if (status == BT_OK) status = bt_hand_open(&crew->hand, options, error);
    if (status == BT_OK) status = deal_all(crew, error);
    bt_hand_close(&crew->hand);
    bt_foresight_close(&crew->foresight);
    if (status == BT_OK) report(crew);
    return status;
}

bool bt_crew_dismiss(bt_ranks *ranks) {
    const bt_talk talk = {.kind = BT_TALK_BYE, .all_alive = !bt_ranks_any_gone(ranks)};
    bool all = talk.all_alive;
    for (int rank = 1; rank < bt_ranks_count(ranks); rank++)
        all = bt_talk_send(ranks, rank, &talk, NULL) == BT_OK && all;
    return all;
}
