#include "report/config-words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void bt_config_age(int days, char *out, size_t size) {
    if (days == BT_AGE_UNKNOWN)
        snprintf(out, size, "%s", "");
    else if (days < 0)
        snprintf(out, size, "dated in the future");
    else if (days == 0)
        snprintf(out, size, "today");
    else
        snprintf(out, size, "%d day%s ago", days, days == 1 ? "" : "s");
}

static void advise(bt_advice *advice, const char *format, ...) BT_PRINTF(2, 3);
static void advise(bt_advice *advice, const char *format, ...) {
    va_list arguments;
    if (advice->count == BT_ADVICE_MAX) return;
    va_start(arguments, format);
    bt_text_format_list(advice->lines[advice->count++], BT_TEXT_SIZE, format, arguments);
    va_end(arguments);
}

static void advise_on_file(bt_advice *advice, const bt_config_check *check) {
    if (check->machine_known && !check->machine_same)
        advise(advice,
               "This machine is not the one that was measured (%s): tune again here with `make "
               "optimize-batch`.",
               check->machine);
    if (check->age_days != BT_AGE_UNKNOWN && check->age_days > BT_CONFIG_OLD_DAYS)
        advise(advice,
               "The figures are %d days old: tune again, as every quarter and after each change of "
               "hardware or driver.",
               check->age_days);
    if (check->age_days != BT_AGE_UNKNOWN && check->age_days < 0)
        advise(advice, "The file is dated in the future: check this machine's clock.");
    if (!check->software_alike)
        advise(advice, "The software is not the one that was measured: tune again before relying on the "
                       "figures.");
}

static bool is_simulated(const char *workload) {
    return strcmp(workload, "simulated") == 0;
}

static void advise_on_sla(bt_advice *advice, const bt_config_model *model) {
    double sla_ms = model->settings.p95_sla_ms;
    double tuned_ms = isnan(model->p95_sla_ms) ? sla_ms : model->p95_sla_ms;
    if (tuned_ms != sla_ms)
        advise(advice, "%s: was tuned for a P95 of %g ms, and the settings now say %g ms: tune again.",
               model->name, tuned_ms, sla_ms);
    if (model->provisional)
        advise(advice,
               "%s: batch size %d is provisional: it was shown neither to keep a P95 of %g ms nor to break "
               "it%s%s: tune it again with a longer --time-budget.",
               model->name, model->optimal_batch_size, tuned_ms, *model->reason ? "; " : "", model->reason);
    else if (!model->meets_sla && !isnan(model->reachable_sla_ms))
        advise(
            advice,
            "%s: was not shown to keep a P95 of %g ms; it keeps %g ms. Raise the SLA to that, or use smaller "
            "images.",
            model->name, tuned_ms, ceil(model->reachable_sla_ms * 10) / 10);
    else if (!model->meets_sla)
        advise(advice, "%s: was not shown to keep a P95 of %g ms.", model->name, tuned_ms);
}

static void advise_on_choice(bt_advice *advice, const bt_config_model *model) {
    if (model->unmeasurable) {
        advise(advice, "%s: could not be measured, so no service takes it (%.200s): tune it again.",
               model->name, *model->reason ? model->reason : "the file does not say why");
        return;
    }
    if (!model->measured) {
        advise(advice,
               "%s: batch size %d was never measured: `make optimize-batch ARGS=\"--models %s --batches "
               "1,%d\"` measures it.",
               model->name, model->optimal_batch_size, model->name, model->optimal_batch_size);
        return;
    }
    if (model->edited)
        advise(advice, "%s: batch size %d was set by hand; the figures are that size's, as it was measured.",
               model->name, model->optimal_batch_size);
    advise_on_sla(advice, model);
}

static void advise_on_model(bt_advice *advice, const bt_config *config, const bt_config_model *model,
                            const bt_config_check *file, const bt_config_model_check *check) {
    if (is_simulated(model->workload) && !is_simulated(config->workload))
        advise(advice,
               "%s: its figures are a simulation's: no network ran. Tune it with the real backend before "
               "serving.",
               model->name);
    advise_on_choice(advice, model);
    if (check->other_machine)
        advise(advice,
               "%s: its entry was measured on another machine than the rest of the file: tune it again.",
               model->name);
    if (!check->weights_same)
        advise(advice, "%s: other weights than those that were measured (%s).", model->name, check->weights);
    if (file->age_days <= BT_CONFIG_OLD_DAYS && check->age_days != BT_AGE_UNKNOWN &&
        check->age_days > BT_CONFIG_OLD_DAYS)
        advise(advice, "%s: its figures are %d days old: tune it again.", model->name, check->age_days);
}

bt_status bt_config_advice(bt_advice **out, const bt_config *config, const bt_config_check *check,
                           bt_error *error) {
    bt_advice *advice = calloc(1, sizeof *advice);
    *out = advice;
    if (!advice) return bt_no_memory(error, "the advice");
    if (is_simulated(config->workload))
        advise(advice,
               "The figures are a simulation's: no network ran. Tune with the real backend before serving.");
    advise_on_file(advice, check);
    for (int i = 0; i < config->model_count; i++)
        advise_on_model(advice, config, &config->models[i], check, &check->models[i]);
    return BT_OK;
}
