#include "http/route.h"

#include <stdio.h>
#include <string.h>

#define PARTS_MAX 6 /* v2/models/M/versions/V/infer */

typedef struct part {
    const char *text;
    size_t length;
} part;

/* "/a/b" into its parts; -1 where they are more than any path of ours has, or one is empty. */
static int split(const char *path, part parts[PARTS_MAX]) {
    int count = 0;
    while (*path) {
        if (*path != '/' || count == PARTS_MAX) return -1;
        path++;
        const size_t length = strcspn(path, "/");
        if (length == 0) return *path == '\0' ? count : -1;
        parts[count++] = (part){path, length};
        path += length;
    }
    return count;
}

static bool is(const part *p, const char *word) {
    return strlen(word) == p->length && memcmp(p->text, word, p->length) == 0;
}

static void copy(char *out, size_t size, const part *p) {
    snprintf(out, size, "%.*s", (int)(p->length < size ? p->length : size), p->text);
}

static bt_http_target of_model(const part *action) {
    if (is(action, "infer")) return BT_HTTP_INFER;
    if (is(action, "ready")) return BT_HTTP_MODEL_READY;
    if (is(action, "config")) return BT_HTTP_MODEL_CONFIG;
    return is(action, "stats") ? BT_HTTP_MODEL_STATS : BT_HTTP_NOTHING;
}

/* v2/models/..., of which the first two parts are known. */
static void read_model(bt_route *route, const part *parts, int count) {
    const bool versioned = count >= 5 && is(&parts[3], "versions");
    const int used = versioned ? 5 : 3;
    if (count == 3 && is(&parts[2], "stats")) {
        route->target = BT_HTTP_ALL_STATS;
        return;
    }
    if (count > used + 1) return;
    route->target = count == used ? BT_HTTP_MODEL : of_model(&parts[used]);
    if (route->target == BT_HTTP_NOTHING) return;
    copy(route->model, sizeof route->model, &parts[2]);
    if (versioned) copy(route->version, sizeof route->version, &parts[4]);
}

static bt_http_target of_one(const part *p) {
    if (is(p, "metrics")) return BT_HTTP_METRICS;
    if (is(p, "status")) return BT_HTTP_STATUS;
    return is(p, "explain") ? BT_HTTP_EXPLAIN : BT_HTTP_NOTHING;
}

bt_route bt_route_of(const char *path) {
    bt_route route = {.target = BT_HTTP_NOTHING};
    part parts[PARTS_MAX];
    const int count = split(path, parts);
    if (count == 0 && *path) route.target = BT_HTTP_PAGE;
    if (count == 1) route.target = of_one(&parts[0]);
    if ((count == 1 || count == 2) && is(&parts[0], "segment")) route.target = BT_HTTP_SEGMENT;
    if (count == 2 && route.target == BT_HTTP_SEGMENT) copy(route.model, sizeof route.model, &parts[1]);
    if (count < 1 || !is(&parts[0], "v2")) return route;
    if (count == 1) route.target = BT_HTTP_SERVER;
    if (count == 3 && is(&parts[1], "health"))
        route.target = is(&parts[2], "live")    ? BT_HTTP_LIVE
                       : is(&parts[2], "ready") ? BT_HTTP_READY
                                                : BT_HTTP_NOTHING;
    if (count == 3 && is(&parts[1], "repository") && is(&parts[2], "index")) route.target = BT_HTTP_INDEX;
    if (count >= 3 && is(&parts[1], "models")) read_model(&route, parts, count);
    return route;
}

bt_http_door bt_route_door(bt_http_target target) {
    switch (target) {
    case BT_HTTP_NOTHING:
    case BT_HTTP_LIVE:
    case BT_HTTP_READY:
    case BT_HTTP_MODEL_READY:
    case BT_HTTP_PAGE:
        return BT_DOOR_OPEN;
    case BT_HTTP_METRICS:
    case BT_HTTP_STATUS:
    case BT_HTTP_EXPLAIN:
        return BT_DOOR_METRICS;
    default:
        return BT_DOOR_INFERENCE;
    }
}

bool bt_route_allows(bt_http_target target, const char *method, const char **allowed) {
    const bool posts = target == BT_HTTP_INFER || target == BT_HTTP_INDEX || target == BT_HTTP_SEGMENT;
    *allowed = posts ? "POST" : "GET, HEAD";
    if (posts) return strcmp(method, "POST") == 0;
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}
