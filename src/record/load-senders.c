#include "record/load-senders.h"

#include <math.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"

#define KEY                "senders"
#define SENDER(type, name) BT_FIELD(type, bt_load_sender, name)

static const bt_field fields[] = {
    {SENDER(INTEGER, rank)},
    {SENDER(TEXT, host)},
    {SENDER(BIG, sent)},
    {SENDER(BIG, unsent)},
    {SENDER(SWITCH, gone)},
    {SENDER(NUMBER, late_p99_us)},
    {SENDER(AMOUNT, clock_bound_us)},
};

/* The sender of that rank, in its place among the others. */
static bt_load_sender *find(bt_load_senders *senders, const bt_load_sender *like) {
    int at = 0;
    while (at < senders->count && senders->of[at].rank < like->rank)
        at++;
    if (at < senders->count && senders->of[at].rank == like->rank) return &senders->of[at];
    if (senders->count == BT_LOAD_SENDERS_MAX) return NULL;
    for (int i = senders->count++; i > at; i--)
        senders->of[i] = senders->of[i - 1];
    senders->of[at] = (bt_load_sender){.rank = like->rank, .late_p99_us = NAN};
    return &senders->of[at];
}

void bt_load_senders_add(bt_load_senders *sum, const bt_load_senders *more) {
    for (int i = 0; i < more->count; i++) {
        const bt_load_sender *from = &more->of[i];
        bt_load_sender *into = find(sum, from);
        if (!into) return;
        if (from->host[0]) memcpy(into->host, from->host, sizeof into->host);
        into->sent += from->sent;
        into->unsent += from->unsent;
        into->gone = into->gone || from->gone;
        into->late_p99_us = fmax(into->late_p99_us, from->late_p99_us);
        into->clock_bound_us = fmax(into->clock_bound_us, from->clock_bound_us);
    }
}

int64_t bt_load_senders_unsent(const bt_load_senders *senders) {
    int64_t unsent = 0;
    for (int i = 0; i < senders->count; i++)
        unsent += senders->of[i].unsent;
    return unsent;
}

const bt_load_sender *bt_load_senders_ended(const bt_load_senders *senders) {
    for (int i = 0; i < senders->count; i++)
        if (senders->of[i].unsent > 0) return &senders->of[i];
    return NULL;
}

double bt_load_senders_bound_us(const bt_load_senders *senders) {
    double bound_us = 0;
    for (int i = 0; i < senders->count; i++)
        bound_us = fmax(bound_us, senders->of[i].clock_bound_us);
    return bound_us;
}

static json_t *write_sender(const void *item) {
    return bt_fields_to_json(BT_FIELDS(fields), item);
}

int bt_load_senders_write(json_t *object, const bt_load_senders *senders) {
    if (senders->count == 0) return 0;
    return json_object_set_new(
        object, KEY, bt_json_array_of(senders->of, sizeof *senders->of, senders->count, write_sender));
}

static bt_status read_sender(void *owner, const json_t *item, const char *where, bt_error *error) {
    bt_load_senders *out = owner;
    return bt_fields_read(BT_FIELDS(fields), item, &out->of[out->count++], where, error);
}

bt_status bt_load_senders_read(const json_t *object, bt_load_senders *out, const char *where,
                               bt_error *error) {
    if (!json_object_get(object, KEY)) return BT_OK;
    return bt_list_read(object, KEY, BT_LOAD_SENDERS_MAX, read_sender, out, where, error);
}
