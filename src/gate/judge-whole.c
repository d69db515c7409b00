/* The last part of gate/judge.h: one word for all rows and promises, why, and the exit code. */
#include "gate/judge.h"

#include <math.h>
#include <stdio.h>

#include "base/command.h"

typedef struct tally {
    int of[BT_GATE_WORD_COUNT], promises[BT_GATE_WORD_COUNT], compared;
} tally;

static tally count(const bt_gate_verdict *verdict) {
    tally t = {0};
    for (int i = 0; i < verdict->row_count; i++) {
        const bt_gate_row *row = &verdict->rows[i];
        t.of[row->verdict] += row->verdict == BT_GATE_SLOWER || !row->minor;
        t.compared += isfinite(row->slowdown_percent);
    }
    for (int i = 0; i < verdict->promise_count; i++)
        t.promises[verdict->promises[i].verdict]++;
    return t;
}

static int of_both(const tally *t, bt_gate_word word) {
    return t->of[word] + t->promises[word];
}

static const char *plural(int count) {
    return count == 1 ? "" : "s";
}

/* "2 metrics and 1 SLA" */
static const char *metrics_and_slas(const tally *t, bt_gate_word word, char out[64]) {
    const int metrics = t->of[word], slas = t->promises[word];
    const char *both = metrics && slas ? " and " : "";
    char first[24] = "", second[24] = "";
    if (metrics) snprintf(first, sizeof first, "%d metric%s", metrics, plural(metrics));
    if (slas) snprintf(second, sizeof second, "%d SLA%s", slas, plural(slas));
    snprintf(out, 64, "%s%s%s", first, both, second);
    return out;
}

static bt_gate_word choose(const bt_gate_verdict *v, const tally *t, char *why, size_t size) {
    int slower = t->of[BT_GATE_SLOWER], broken = t->promises[BT_GATE_SLOWER];
    int unlike = of_both(t, BT_GATE_INCOMPARABLE);
    char which[64];
    if (v->machine_differs[0]) {
        snprintf(why, size, "unlike machines: %.400s", v->machine_differs);
        return BT_GATE_INCOMPARABLE;
    }
    if (v->unmeasurable[0]) {
        snprintf(why, size, "%.500s", v->unmeasurable);
        return BT_GATE_INCOMPARABLE;
    }
    if (slower || broken) {
        snprintf(why, size, "%d metric%s slower than the tolerance, %d SLA%s newly broken", slower,
                 plural(slower), broken, plural(broken));
        return BT_GATE_SLOWER;
    }
    if (v->identical) {
        snprintf(why, size, "the two programs are identical, byte for byte");
        return BT_GATE_SAME;
    }
    if (t->compared == 0 && unlike == 0) {
        snprintf(why, size, "nothing was measured on both sides, so nothing can be passed");
        return BT_GATE_INCONCLUSIVE;
    }
    if (unlike) {
        snprintf(why, size, "%s cannot be compared", metrics_and_slas(t, BT_GATE_INCOMPARABLE, which));
        return BT_GATE_INCOMPARABLE;
    }
    if (of_both(t, BT_GATE_INCONCLUSIVE)) {
        snprintf(why, size, "%s neither surely slower nor surely not",
                 metrics_and_slas(t, BT_GATE_INCONCLUSIVE, which));
        return BT_GATE_INCONCLUSIVE;
    }
    snprintf(why, size, "%d metric%s compared, none slower than the tolerance%s", t->compared,
             plural(t->compared), of_both(t, BT_GATE_DECLARED) ? " but those declared" : "");
    return of_both(t, BT_GATE_FASTER) ? BT_GATE_FASTER : BT_GATE_SAME;
}

void bt_judge_whole(bt_gate_verdict *verdict, bt_on_inconclusive policy) {
    static const char *const names[] = {"fail", "pass", "retry"};
    tally t = count(verdict);
    verdict->verdict = choose(verdict, &t, verdict->why, sizeof verdict->why);
    snprintf(verdict->on_inconclusive, sizeof verdict->on_inconclusive, "%s", names[policy]);
    bool unsure = verdict->verdict == BT_GATE_INCONCLUSIVE || verdict->verdict == BT_GATE_INCOMPARABLE;
    /* A policy may let doubt pass, but not a run that measured nothing. */
    bool empty = t.compared == 0 && verdict->verdict == BT_GATE_INCONCLUSIVE;
    if (verdict->verdict == BT_GATE_SLOWER)
        verdict->verdict_code = BT_EXIT_BROKEN;
    else if (unsure && (policy != BT_ON_INCONCLUSIVE_PASS || empty))
        verdict->verdict_code = BT_EXIT_INCONCLUSIVE;
    else
        verdict->verdict_code = BT_EXIT_GOOD;
}
