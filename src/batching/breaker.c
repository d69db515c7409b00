#include "batching/breaker.h"

void bt_breaker_open(bt_breaker *breaker, const bt_breaker_options *options) {
    *breaker = (bt_breaker){.options = *options, .cooldown_ns = options->cooldown_ns};
}

bt_breaker_state bt_breaker_at(const bt_breaker *breaker, int64_t now_ns) {
    if (!breaker->open) return BT_BREAKER_CLOSED;
    return now_ns - breaker->opened_ns < breaker->cooldown_ns ? BT_BREAKER_OPEN : BT_BREAKER_HALF_OPEN;
}

bool bt_breaker_allows(const bt_breaker *breaker, int64_t now_ns) {
    return bt_breaker_at(breaker, now_ns) != BT_BREAKER_OPEN;
}

void bt_breaker_good(bt_breaker *breaker, int64_t now_ns) {
    breaker->failed_in_row = 0;
    if (bt_breaker_at(breaker, now_ns) != BT_BREAKER_HALF_OPEN) return;
    if (++breaker->good_probes < breaker->options.probes) return;
    breaker->open = false;
    breaker->cooldown_ns = breaker->options.cooldown_ns;
}

static void trip(bt_breaker *breaker, int64_t now_ns) {
    breaker->open = true;
    breaker->opened_ns = now_ns;
    breaker->failed_in_row = breaker->good_probes = 0;
    breaker->times_opened++;
}

void bt_breaker_failed(bt_breaker *breaker, int64_t now_ns) {
    bt_breaker_state state = bt_breaker_at(breaker, now_ns);
    if (state == BT_BREAKER_HALF_OPEN) {
        breaker->cooldown_ns *= 2;
        if (breaker->cooldown_ns > breaker->options.cooldown_max_ns)
            breaker->cooldown_ns = breaker->options.cooldown_max_ns;
        trip(breaker, now_ns);
    } else if (state == BT_BREAKER_CLOSED && ++breaker->failed_in_row >= breaker->options.failures) {
        trip(breaker, now_ns);
    }
}

const char *bt_breaker_name(bt_breaker_state state) {
    switch (state) {
    case BT_BREAKER_CLOSED:
        return "closed";
    case BT_BREAKER_OPEN:
        return "open";
    case BT_BREAKER_HALF_OPEN:
        break;
    }
    return "half-open";
}
