/* A team times what a service's lane runs: pictures where a session takes them, else images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tune/team.h"

enum { SIDE = 4, PIXELS = SIDE * SIDE, BATCH = 2 };

/* The mean of the images' values, and of a black picture's normalised ones. */
#define OF_IMAGES 3.0
#define OF_BLACK  ((-0.485 / 0.229 - 0.456 / 0.224 - 0.406 / 0.225) / 3)

static void runs_on(const char *backend, double timed) {
    const bt_session_options options = {
        .backend = backend, .path = BT_PATH_PRODUCTION, .device = "cuda:0", .height = SIDE, .width = SIDE};
    float images[BATCH * 3 * PIXELS], logits[BATCH * PIXELS];
    double samples_ms[3];
    bt_team *team;
    bt_error error;
    for (int i = 0; i < BATCH * 3 * PIXELS; i++)
        images[i] = (float)OF_IMAGES;
    if (bt_team_open(&team, &options, 1, &error) != BT_OK) fail_msg("%s", error.message);
    assert_int_equal(bt_team_prepare(team, BATCH, PIXELS, &error), BT_OK);
    assert_int_equal(bt_team_time(team, BATCH, 3, images, logits, samples_ms, &error), BT_OK);
    for (int i = 0; i < BATCH * PIXELS; i++)
        assert_float_equal(logits[i], timed, 1e-5);
    assert_int_equal(bt_team_run(team, BATCH, images, logits, &error), BT_OK);
    assert_float_equal(logits[BATCH * PIXELS - 1], OF_IMAGES, 1e-5);
    bt_team_close(&team);
}

static void images_where_those_are_taken(void **state) {
    (void)state;
    runs_on("sim:tau0_ms=0,alpha_ms=0,echo=true", OF_IMAGES);
}

static void pictures_where_those_are_taken(void **state) {
    (void)state;
    runs_on("sim:tau0_ms=0,alpha_ms=0,echo=true,pictures=true", OF_BLACK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_where_those_are_taken),
        cmocka_unit_test(pictures_where_those_are_taken),
    };
    return cmocka_run_group_tests_name("tune/team", tests, NULL, NULL);
}
