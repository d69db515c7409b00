#include "gate/compare.h"

#include <stdio.h>
#include <string.h>

static const char *word_of(const bt_gate_record *record, const char *name) {
    for (int i = 0; i < record->promise_count; i++)
        if (strcmp(record->promises[i].name, name) == 0) return record->promises[i].word;
    return "";
}

/* A promise that was broken before is nobody's doing now. */
static bt_status compare_promises(bt_gate_verdict *verdict, const bt_gate_record *before,
                                  const bt_gate_record *now, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < now->promise_count && status == BT_OK; i++) {
        bt_gate_kept kept = {.newly_broken = false};
        snprintf(kept.name, sizeof kept.name, "%s", now->promises[i].name);
        snprintf(kept.before, sizeof kept.before, "%s", word_of(before, kept.name));
        snprintf(kept.now, sizeof kept.now, "%s", now->promises[i].word);
        kept.newly_broken = strcmp(kept.now, "broken") == 0 && strcmp(kept.before, "broken") != 0;
        status = bt_gate_kept_add(verdict, &kept, error);
    }
    return status;
}

static void compare_settings(bt_gate_verdict *verdict, const bt_gate_record *before,
                             const bt_gate_record *now) {
    size_t used = strlen(verdict->subject_differs);
    if (strcmp(before->settings, now->settings) == 0) return;
    snprintf(verdict->subject_differs + used, sizeof verdict->subject_differs - used, "%s%.200s, here %.200s",
             used ? "; " : "", before->settings[0] ? before->settings : "settings not told",
             now->settings[0] ? now->settings : "not told");
}

bt_status bt_compare_records(bt_gate_verdict *verdict, const bt_judge *judge, const bt_gate_record *before,
                             const bt_gate_record *now, bt_error *error) {
    (void)bt_machine_differences(&before->machine, &now->machine, verdict->machine_differs,
                                 sizeof verdict->machine_differs);
    (void)bt_subject_differences(&before->subject, &now->subject, verdict->subject_differs,
                                 sizeof verdict->subject_differs);
    compare_settings(verdict, before, now);
    if (verdict->machine_differs[0]) return BT_OK;
    bt_status status = bt_judge_rows(judge, verdict, before, now, false, error);
    if (status == BT_OK) status = bt_judge_look(judge, verdict, 1, error);
    return status == BT_OK ? compare_promises(verdict, before, now, error) : status;
}
