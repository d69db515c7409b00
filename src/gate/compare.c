#include "gate/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const bt_gate_promise *promise_of(const bt_gate_record *record, const char *name) {
    for (int i = 0; i < record->promise_count; i++)
        if (strcmp(record->promises[i].name, name) == 0) return &record->promises[i];
    return NULL;
}

static void put_word(bt_gate_kept *kept, bt_gate_word word, const char *why) {
    kept->verdict = word;
    snprintf(kept->why, sizeof kept->why, "%s", why);
}

/* Both sides were asked the same. What was broken before is nobody's doing now. */
static void judge_answers(bt_gate_kept *kept) {
    bool was_met = strcmp(kept->before, BT_GATE_MET) == 0, is_met = strcmp(kept->now, BT_GATE_MET) == 0;
    bool was_broken = strcmp(kept->before, BT_GATE_BROKEN) == 0;
    bool is_broken = strcmp(kept->now, BT_GATE_BROKEN) == 0;
    if (was_met && is_broken)
        put_word(kept, BT_GATE_SLOWER, "newly broken");
    else if (was_broken && is_met)
        put_word(kept, BT_GATE_FASTER, "newly met");
    else if (is_met || (was_broken && is_broken))
        put_word(kept, BT_GATE_SAME, "");
    else if (is_broken)
        put_word(kept, BT_GATE_INCONCLUSIVE, "whether it was met before is not known");
    else
        put_word(kept, BT_GATE_INCONCLUSIVE, "whether it is met now is not known");
}

static void put_unlike(bt_gate_kept *kept, const char *what, const char *before, const char *now) {
    kept->verdict = BT_GATE_INCOMPARABLE;
    snprintf(kept->why, sizeof kept->why, "%s: before %s, now %s", what, before, now);
}

static bool differ(const char *before, const char *now) {
    return before[0] && now[0] && strcmp(before, now) != 0;
}

static void judge_asked(bt_gate_kept *kept, const bt_gate_promise *before, const bt_gate_promise *now) {
    if (!isfinite(before->sla_ms) || !isfinite(now->sla_ms))
        put_word(kept, BT_GATE_INCOMPARABLE, "an older record does not tell its SLA");
    else if (before->sla_ms != now->sla_ms)
        put_word(kept, BT_GATE_INCOMPARABLE, "unlike SLAs");
    else if (differ(before->work, now->work))
        put_unlike(kept, "the work differs", before->work, now->work);
    else if (differ(before->conditions, now->conditions))
        put_unlike(kept, "the conditions differ", before->conditions, now->conditions);
    else
        judge_answers(kept);
}

static void judge_kept(bt_gate_kept *kept, const bt_gate_promise *before, const bt_gate_promise *now) {
    if (before && now)
        judge_asked(kept, before, now);
    else if (before)
        put_word(kept, BT_GATE_INCOMPARABLE, "not asked now");
    else if (strcmp(kept->now, BT_GATE_MET) == 0)
        put_word(kept, BT_GATE_NEW, "only the new side was asked");
    else
        put_word(kept, BT_GATE_INCOMPARABLE, "not asked before");
}

/* A change of question may be declared, as that of a metric's work. */
static bt_status add_kept(bt_gate_verdict *verdict, const bt_judge *judge, const bt_gate_promise *before,
                          const bt_gate_promise *now, bt_error *error) {
    bt_gate_kept kept = {.before_sla_ms = before ? before->sla_ms : NAN,
                         .now_sla_ms = now ? now->sla_ms : NAN};
    snprintf(kept.name, sizeof kept.name, "%s", now ? now->name : before->name);
    snprintf(kept.before, sizeof kept.before, "%s", before ? before->word : "");
    snprintf(kept.now, sizeof kept.now, "%s", now ? now->word : "");
    judge_kept(&kept, before, now);
    bt_gate_limit limit = bt_gate_limit_of(judge->rules, &judge->profile, kept.name, "");
    if (kept.verdict == BT_GATE_INCOMPARABLE && limit.declared)
        put_word(&kept, BT_GATE_DECLARED, limit.declared->reason);
    return bt_gate_kept_add(verdict, &kept, error);
}

static bt_status compare_promises(bt_gate_verdict *verdict, const bt_judge *judge,
                                  const bt_gate_record *before, const bt_gate_record *now, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < now->promise_count && status == BT_OK; i++)
        status =
            add_kept(verdict, judge, promise_of(before, now->promises[i].name), &now->promises[i], error);
    for (int i = 0; i < before->promise_count && status == BT_OK; i++)
        if (!promise_of(now, before->promises[i].name))
            status = add_kept(verdict, judge, &before->promises[i], NULL, error);
    return status;
}

static void compare_settings(bt_gate_verdict *verdict, const bt_gate_record *before,
                             const bt_gate_record *now) {
    if (strcmp(before->settings, now->settings) == 0) return;
    bt_text_append_clause(verdict->subject_differs, sizeof verdict->subject_differs, "%.200s, here %.200s",
                          before->settings[0] ? before->settings : "settings not told",
                          now->settings[0] ? now->settings : "not told");
}

static void add_note(bt_gate_verdict *verdict, const char *side, const char *text) {
    if (text[0]) bt_text_append_clause(verdict->note, sizeof verdict->note, "%s: %s", side, text);
}

/* A record that was cut short is compared for what it has; one that a quota stopped has longer times. */
static void note_record(bt_gate_verdict *verdict, const char *side, const bt_gate_record *record) {
    char words[BT_THROTTLING_WORDS_SIZE] = "";
    if (bt_throttling_matters(&record->throttling)) bt_throttling_words(&record->throttling, words);
    add_note(verdict, side, record->partial);
    add_note(verdict, side, words);
}

bt_status bt_compare_records(bt_gate_verdict *verdict, const bt_judge *judge, const bt_gate_record *before,
                             const bt_gate_record *now, bt_error *error) {
    (void)bt_machine_differences(&before->machine, &now->machine, verdict->machine_differs,
                                 sizeof verdict->machine_differs);
    (void)bt_subject_differences(&before->subject, &now->subject, verdict->subject_differs,
                                 sizeof verdict->subject_differs);
    compare_settings(verdict, before, now);
    note_record(verdict, "before", before);
    note_record(verdict, "now", now);
    if (verdict->machine_differs[0]) return BT_OK;
    bt_status status = bt_judge_rows(judge, verdict, before, now, false, error);
    if (status == BT_OK) status = bt_judge_look(judge, verdict, 1, error);
    return status == BT_OK ? compare_promises(verdict, judge, before, now, error) : status;
}
