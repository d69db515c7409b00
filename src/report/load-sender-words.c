/* What a load test that several processes sent says of them. */
#include <math.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/load-words.h"

/* So many are told one by one; of more only what is worst. */
#define TOLD_MAX 6

/* Appends to a phrase. */
#define ADD(out, ...) bt_text_append(out, BT_LOAD_WORDS_SIZE, __VA_ARGS__)

static const char *ms(double us, char out[32]) {
    return bt_layout_number(us / 1e3, out, 32);
}

static void add_sender(char out[BT_LOAD_WORDS_SIZE], const bt_load_sender *sender) {
    char host[sizeof sender->host], text[32];
    bt_layout_clean(sender->host, host, sizeof host);
    ADD(out, "; rank %d%s%s sent %lld", sender->rank, host[0] ? " on " : "", host, (long long)sender->sent);
    if (isfinite(sender->late_p99_us)) ADD(out, ", %s ms late (P99)", ms(sender->late_p99_us, text));
    if (sender->clock_bound_us > 0) ADD(out, ", its clock within %s ms", ms(sender->clock_bound_us, text));
    if (sender->unsent > 0)
        ADD(out, ", and ended with %lld that nobody knows of", (long long)sender->unsent);
    else if (sender->gone)
        ADD(out, ", and ended");
}

static void add_worst(char out[BT_LOAD_WORDS_SIZE], const bt_load_senders *all) {
    char text[32];
    double late_us = NAN;
    int64_t sent = 0;
    for (int i = 0; i < all->count; i++) {
        late_us = fmax(late_us, all->of[i].late_p99_us);
        sent += all->of[i].sent;
        if (all->of[i].gone) add_sender(out, &all->of[i]);
    }
    ADD(out, "; %lld requests in all", (long long)sent);
    if (isfinite(late_us)) ADD(out, ", the latest sender %s ms late (P99)", ms(late_us, text));
    ADD(out, ", every clock within %s ms", ms(bt_load_senders_bound_us(all), text));
}

void bt_load_words_senders(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]) {
    bt_load_senders all = {0};
    out[0] = '\0';
    for (int i = 0; i < record->scenario_count; i++)
        bt_load_senders_add(&all, &record->scenarios[i].senders);
    if (all.count == 0) return;
    ADD(out, "%d %s of one schedule", all.count, all.count == 1 ? "process" : "processes");
    for (int i = 0; i < all.count && all.count <= TOLD_MAX; i++)
        add_sender(out, &all.of[i]);
    if (all.count > TOLD_MAX) add_worst(out, &all);
}
