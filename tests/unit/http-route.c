/* Paths name what the Open Inference Protocol says they do, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/route.h"

static void paths_name_targets(void **state) {
    (void)state;
    static const struct {
        const char *path;
        bt_http_target target;
        const char *model, *version;
    } wanted[] = {
        {"/v2", BT_HTTP_SERVER, "", ""},
        {"/v2/", BT_HTTP_SERVER, "", ""},
        {"/v2/health/live", BT_HTTP_LIVE, "", ""},
        {"/v2/health/ready", BT_HTTP_READY, "", ""},
        {"/v2/models/hrnet", BT_HTTP_MODEL, "hrnet", ""},
        {"/v2/models/hrnet/versions/1", BT_HTTP_MODEL, "hrnet", "1"},
        {"/v2/models/hrnet/ready", BT_HTTP_MODEL_READY, "hrnet", ""},
        {"/v2/models/hrnet/versions/1/ready", BT_HTTP_MODEL_READY, "hrnet", "1"},
        {"/v2/models/hrnet/config", BT_HTTP_MODEL_CONFIG, "hrnet", ""},
        {"/v2/models/hrnet/versions/1/config", BT_HTTP_MODEL_CONFIG, "hrnet", "1"},
        {"/v2/models/hrnet/stats", BT_HTTP_MODEL_STATS, "hrnet", ""},
        {"/v2/models/hrnet/versions/1/stats", BT_HTTP_MODEL_STATS, "hrnet", "1"},
        {"/v2/models/stats", BT_HTTP_ALL_STATS, "", ""},
        {"/v2/models/hrnet/infer", BT_HTTP_INFER, "hrnet", ""},
        {"/v2/models/hrnet/versions/2/infer", BT_HTTP_INFER, "hrnet", "2"},
        {"/v2/repository/index", BT_HTTP_INDEX, "", ""},
        {"/metrics", BT_HTTP_METRICS, "", ""},
        {"/segment", BT_HTTP_SEGMENT, "", ""},
        {"/segment/", BT_HTTP_SEGMENT, "", ""},
        {"/segment/hrnet", BT_HTTP_SEGMENT, "hrnet", ""},
        {"/", BT_HTTP_PAGE, "", ""},
        {"/status", BT_HTTP_STATUS, "", ""},
        {"/explain", BT_HTTP_EXPLAIN, "", ""},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const bt_route route = bt_route_of(wanted[i].path);
        assert_int_equal(route.target, wanted[i].target);
        assert_string_equal(route.model, wanted[i].model);
        assert_string_equal(route.version, wanted[i].version);
    }
}

static void other_paths_name_nothing(void **state) {
    (void)state;
    static const char *const paths[] = {
        "",
        "//",
        "/status/now",
        "v2",
        "/v1",
        "/V2",
        "/v22",
        "/v2//models",
        "/v2/models",
        "/v2/health",
        "/v2/health/dead",
        "/v2/models//infer",
        "/v2/models/hrnet/train",
        "/v2/models/hrnet/infer/more",
        "/v2/models/hrnet/versions",
        "/v2/models/hrnet/versions/1/infer/more",
        "/v2/repository/index/x",
        "/metrics/x",
        "/segment/hrnet/x",
        "/segments",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const bt_route route = bt_route_of(paths[i]);
        assert_int_equal(route.target, BT_HTTP_NOTHING);
        assert_string_equal(route.model, "");
    }
}

/* What is cut is no model's name, so that none is found. */
static void long_names_are_cut(void **state) {
    (void)state;
    char path[512] = "/v2/models/";
    memset(path + 11, 'm', 400);
    const bt_route route = bt_route_of(path);
    assert_int_equal(route.target, BT_HTTP_MODEL);
    assert_int_equal(strlen(route.model), BT_NAME_SIZE - 1);
}

static void methods_are_told(void **state) {
    (void)state;
    const char *allowed;
    assert_true(bt_route_allows(BT_HTTP_INFER, "POST", &allowed));
    assert_false(bt_route_allows(BT_HTTP_INFER, "GET", &allowed));
    assert_string_equal(allowed, "POST");
    assert_true(bt_route_allows(BT_HTTP_INDEX, "POST", &allowed));
    assert_true(bt_route_allows(BT_HTTP_SEGMENT, "POST", &allowed));
    assert_false(bt_route_allows(BT_HTTP_SEGMENT, "GET", &allowed));
    assert_true(bt_route_allows(BT_HTTP_LIVE, "GET", &allowed));
    assert_true(bt_route_allows(BT_HTTP_LIVE, "HEAD", &allowed));
    assert_false(bt_route_allows(BT_HTTP_METRICS, "POST", &allowed));
    assert_string_equal(allowed, "GET, HEAD");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_name_targets),
        cmocka_unit_test(other_paths_name_nothing),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(methods_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
