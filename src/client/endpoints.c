#include "client/endpoints.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static bt_status read_one(char out[BT_URL_SIZE], const char *text, size_t length, bt_error *error) {
    char quoted[BT_TEXT_QUOTE_SIZE];
    snprintf(out, BT_URL_SIZE, "%.*s", (int)(length < BT_URL_SIZE ? length : BT_URL_SIZE - 1), text);
    bt_text_quote(out, quoted);
    if (length >= BT_URL_SIZE) return bt_fail(error, BT_INVALID, "%s is too long", quoted);
    const size_t scheme = strncmp(out, "http://", 7) == 0 ? 7 : strncmp(out, "https://", 8) == 0 ? 8 : 0;
    while (length > scheme && out[length - 1] == '/')
        out[--length] = '\0';
    const bool plain = strcspn(out, " \t?#@") == length; /* no secrets in a URL: it is written into records */
    if (scheme > 0 && length > scheme && out[scheme] != ':' && out[scheme] != '/' && plain) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s is no address such as http://host:8000", quoted);
}

bt_status bt_endpoints_read(bt_endpoints *out, const char *list, bt_error *error) {
    out->count = 0;
    for (const char *at = list;; at++) {
        const size_t length = strcspn(at, ",");
        if (out->count == BT_ENDPOINTS_MAX)
            return bt_fail(error, BT_INVALID, "at most %d addresses are taken", BT_ENDPOINTS_MAX);
        bt_status status = read_one(out->urls[out->count], at, length, error);
        if (status != BT_OK) return status;
        out->count++;
        at += length;
        if (*at == '\0') return BT_OK;
    }
}

bt_status bt_endpoint_of_model(char out[BT_ENDPOINT_PATH_SIZE], const char *url, const char *model,
                               const char *rest, bt_error *error) {
    char name[3 * BT_URL_SIZE];
    size_t used = 0;
    for (const char *at = model; *at && used + 4 < sizeof name; at++)
        used += (size_t)snprintf(name + used, sizeof name - used,
                                 bt_text_is_alphanumeric(*at) || strchr("-_.~", *at) ? "%c" : "%%%02X",
                                 (unsigned char)*at);
    const int length = snprintf(out, BT_ENDPOINT_PATH_SIZE, "%s/v2/models/%s%s", url, name, rest);
    if (length < BT_ENDPOINT_PATH_SIZE) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s: the model's name is too long for a URL", url);
}

int bt_endpoints_choose(const int *under_way, int count, int *turn) {
    int best = *turn % count;
    for (int i = 1; i < count; i++) {
        const int at = (*turn + i) % count;
        if (under_way[at] < under_way[best]) best = at;
    }
    *turn = (best + 1) % count;
    return best;
}
