#include "explain/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- which models ---- */

static const char *name_of(const bt_explain_models *models, int index) {
    return (const char *)models->models + (size_t)index * models->size + models->name;
}

static bool has(const bt_explain_models *models, const char *name) {
    for (int i = 0; i < models->count; i++)
        if (strcmp(name_of(models, i), name) == 0) return true;
    return false;
}

static bt_status refuse(const bt_explain_options *options, const char *wanted,
                        const bt_explain_models *models, bt_error *error) {
    char quoted[BT_TEXT_QUOTE_SIZE], known[256] = "";
    bt_text_quote(wanted, quoted);
    for (int i = 0; i < models->count; i++)
        bt_text_append(known, sizeof known, "%s%s", i == 0 ? "" : ", ", name_of(models, i));
    return bt_fail(error, BT_INVALID, "--models: %s has no %s; it has %s", options->path, quoted,
                   models->count > 0 ? known : "none");
}

bt_status bt_explain_open(bt_explanation **out, const char *source, const bt_explain_options *options,
                          const bt_explain_models *models, bt_error *error) {
    const bt_names *wanted = options->models;
    int count = 0, next = 0;
    *out = NULL;
    for (int i = 0; wanted && i < wanted->count; i++)
        if (!has(models, wanted->names[i])) return refuse(options, wanted->names[i], models, error);
    for (int i = 0; i < models->count; i++)
        count += bt_names_want(wanted, name_of(models, i));
    bt_status status = bt_explanation_open(out, source, options->path, count, error);
    for (int i = 0; i < models->count && status == BT_OK; i++) {
        if (!bt_names_want(wanted, name_of(models, i))) continue;
        bt_explained_model *model = &(*out)->models[next++];
        snprintf(model->model, sizeof model->model, "%s", name_of(models, i));
        model->from = i;
    }
    return status;
}

/* ---- a load ---- */

void bt_explain_add_part(bt_explained_load *load, const char *name, double mean_ms, double p95_ms) {
    if (!isfinite(mean_ms) || load->part_count == BT_EXPLAINED_PARTS) return;
    bt_explained_part *part = &load->parts[load->part_count++];
    snprintf(part->name, sizeof part->name, "%s", name);
    part->mean_ms = mean_ms;
    part->p95_ms = p95_ms;
}

static const struct {
    const char *part;
    bt_pays_cause cause;
    const char *words;
} part_causes[] = {
    {BT_PART_LATE, BT_CAUSE_LATE, "sending late, which is the generator's or the machine's doing"},
    {BT_PART_QUEUE, BT_CAUSE_WAITING, "waiting in the queue"},
    {BT_PART_PREPARE, BT_CAUSE_PREPARING, "preparing and delivering"},
    {BT_PART_DELIVER, BT_CAUSE_PREPARING, "preparing and delivering"},
    {BT_PART_RUN, BT_CAUSE_RUNNING, "the runs"},
    {BT_PART_LAUNCH, BT_CAUSE_RUNNING, "the runs"},
    {BT_PART_IMAGES, BT_CAUSE_RUNNING, "the runs"},
};
#define PART_CAUSES (sizeof part_causes / sizeof *part_causes)

static double ms_of_cause(const bt_explained_load *load, bt_pays_cause cause) {
    double ms = 0;
    for (int i = 0; i < load->part_count; i++)
        for (size_t c = 0; c < PART_CAUSES; c++)
            if (part_causes[c].cause == cause && strcmp(load->parts[i].name, part_causes[c].part) == 0)
                ms += load->parts[i].mean_ms;
    return ms;
}

double bt_explain_load_cause(bt_explained_load *load) {
    double most_ms = 0;
    for (size_t c = 0; c < PART_CAUSES; c++) {
        const double ms = ms_of_cause(load, part_causes[c].cause);
        if (ms <= most_ms) continue;
        most_ms = ms;
        load->cause = part_causes[c].cause;
    }
    return load->mean_ms > 0 && most_ms > 0 ? most_ms / load->mean_ms : NAN;
}

void bt_explain_load_words(char out[BT_TEXT_SIZE], const bt_explained_load *load, double share) {
    const char *words = "";
    for (size_t c = 0; c < PART_CAUSES; c++)
        if (part_causes[c].cause == load->cause) words = part_causes[c].words;
    out[0] = '\0';
    if (isnan(share)) return;
    bt_text_format(out, BT_TEXT_SIZE, "most of the latency is %s: %.0f %% (%.1f of %.1f ms)", words,
                   100 * share, share * load->mean_ms, load->mean_ms);
}

/* ---- batches ---- */

void bt_explain_batches(bt_explained_load *load, double max_queue_delay_ms, double run_ms) {
    char during[96] = "";
    load->why[0] = '\0';
    if (!isfinite(load->mean_batch_size) || load->max_batch_size <= 1) return;
    bt_text_format(load->why, sizeof load->why, "batches of %.1f on average, of at most %d",
                   load->mean_batch_size, load->max_batch_size);
    if (!isfinite(load->rate_rps) || !isfinite(max_queue_delay_ms)) return;
    if (isfinite(run_ms))
        bt_text_format(during, sizeof during, " and %.1f during a run", load->rate_rps * run_ms / 1e3);
    bt_text_append(load->why, sizeof load->why,
                   ": at %.3g requests/s %.1f more come within the queue delay of %g ms%s", load->rate_rps,
                   load->rate_rps * max_queue_delay_ms / 1e3, max_queue_delay_ms, during);
    if (load->mean_batch_size < 0.5 * load->max_batch_size)
        bt_text_append(load->why, sizeof load->why, ", too few to fill one");
}
