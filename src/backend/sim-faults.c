#include "backend/sim-faults.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const fault_names[BT_SIM_FAULT_KINDS] = {"fail", "nan", "oom", "stall"};

/* Reads one fault, "kind@from[-to][:ms]" or "kind%every[:ms]", up to `end`. */
static bool parse_fault(bt_sim_fault *f, const char *text, const char *end) {
    size_t length = strcspn(text, "@%+");
    int kind = 0;
    while (kind < BT_SIM_FAULT_KINDS &&
           (strlen(fault_names[kind]) != length || strncmp(text, fault_names[kind], length) != 0))
        kind++;
    if (kind == BT_SIM_FAULT_KINDS || text + length >= end) return false;
    *f = (bt_sim_fault){.kind = (bt_sim_fault_kind)kind};
    char *at;
    bool every = text[length] == '%';
    int64_t number = strtoll(text + length + 1, &at, 10);
    if (number < 1) return false;
    if (every)
        f->every = number;
    else
        f->from = f->to = number;
    if (*at == '-' && !every) f->to = strtoll(at + 1, &at, 10);
    if (*at == ':' && f->kind == BT_SIM_STALL) f->ms = bt_text_read_number(at + 1, &at);
    return at == end && f->to >= f->from && f->ms >= 0 && f->ms <= BT_SIM_MS_MAX;
}

bt_status bt_sim_faults_read(bt_sim_faults *plan, const char *text, const char *key, bt_error *error) {
    plan->count = 0;
    for (const char *at = text, *end; *text; at = end + 1) {
        end = at + strcspn(at, "+");
        if (plan->count == BT_SIM_FAULTS_MAX || !parse_fault(&plan->faults[plan->count++], at, end))
            return bt_fail(error, BT_INVALID,
                           "sim: %s: \"%s\" is no list of at most %d faults such as "
                           "fail@3+nan@5-7+oom@8+stall@20:200+fail%%50",
                           key, text, BT_SIM_FAULTS_MAX);
        if (!*end) break;
    }
    return BT_OK;
}

const bt_sim_fault *bt_sim_planted(const bt_sim_faults *plan, int64_t run, bt_sim_fault_kind kind) {
    for (int i = 0; i < plan->count; i++) {
        const bt_sim_fault *f = &plan->faults[i];
        bool here = f->every ? run % f->every == 0 : run >= f->from && run <= f->to;
        if (f->kind == kind && here) return f;
    }
    return NULL;
}
