/* The one text that says whose weights are which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "scratch.h"
#include "settings/weights.h"

static void source_is(const char *setting, const char *model, const char *expected) {
    char out[BT_OPTION_TEXT_SIZE];
    bt_error error;
    if (bt_weights_of(out, setting, model, &error)) fail_msg("%s: %s", setting, error.message);
    assert_string_equal(out, expected);
}

static void one_source_is_everybodys(void **state) {
    (void)state;
    source_is("demo", "hrnet", "demo");
    source_is("counter:7", "cbam_resunet", "counter:7");
    source_is("models/a,b.pth", "hrnet", "models/a,b.pth");
    source_is("./x=y.pth", "hrnet", "./x=y.pth"); /* a path that looks like a name's */
}

static void a_source_may_be_one_models(void **state) {
    (void)state;
    static const char both[] = "hrnet=a,1.safetensors,cbam_resunet=best.pth";
    source_is(both, "hrnet", "a,1.safetensors");
    source_is(both, "cbam_resunet", "best.pth");
    source_is(both, "other", "demo");
    source_is(both, "hr", "demo");
    source_is("hrnet=a.pth,", "hrnet", "a.pth");
}

/* Lightning calls checkpoints like that. */
static void a_file_that_is_there_is_one_whatever_it_is_called(void **state) {
    (void)state;
    static const char *const models[] = {"hrnet", "cbam_resunet"}, *const files[] = {"epoch=3-val=0.1.ckpt",
                                                                                     "hrnet=x.pth",
                                                                                     "a,cbam_resunet=b.pth",
                                                                                     "-x=1;hrnet=2.pth",
                                                                                     "two words=1,2:3.pth"};
    char narrowed[BT_OPTION_TEXT_SIZE], part[BT_OPTION_TEXT_SIZE];
    bt_error error;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bt_scratch_put(".", files[i], "");
        source_is(files[i], "hrnet", files[i]);
        source_is(files[i], "cbam_resunet", files[i]);
        assert_int_equal(bt_weights_check_names(files[i], models, 2, &error), BT_OK);
        snprintf(narrowed, sizeof narrowed, "%s", files[i]);
        assert_int_equal(bt_weights_narrow(narrowed, "hrnet", &error), BT_OK);
        assert_string_equal(narrowed, files[i]);
        snprintf(part, sizeof part, "cbam_resunet=%s,hrnet=demo", files[i]);
        source_is(part, "cbam_resunet", files[i]);
        source_is(part, "hrnet", "demo");
        snprintf(part, sizeof part, "hrnet=counter:1,cbam_resunet=%s", files[i]);
        source_is(part, "cbam_resunet", files[i]);
        source_is(part, "hrnet", "counter:1");
    }
    source_is("epoch=3-val=0.1.ckpt:ema", "hrnet", "epoch=3-val=0.1.ckpt:ema"); /* a place in it */
    source_is("hrnet=epoch=3-val=0.1.ckpt:ema,cbam_resunet=b", "hrnet", "epoch=3-val=0.1.ckpt:ema");
    source_is("hrnet=epoch=3-val=0.1.ckpt:ema,cbam_resunet=a,cbam_resunet=b.pth:net", "cbam_resunet",
              "a,cbam_resunet=b.pth:net");
    source_is("other=absent.pth", "hrnet", "demo"); /* one that is not there names a model, as ever */
    assert_int_equal(bt_weights_check_names("epoch=4.ckpt", models, 2, &error), BT_INVALID);
}

static void a_source_is_named_once_and_for_a_model(void **state) {
    (void)state;
    static const char *const models[] = {"hrnet", "cbam_resunet"};
    char out[BT_OPTION_TEXT_SIZE];
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_weights_of(out, "hrnet=a,hrnet=b", "hrnet", &error), BT_INVALID);
    says(error.message, "hrnet is named twice");
    assert_int_equal(bt_weights_of(out, "hrnet=a,cbam_resunet=", "hrnet", &error), BT_INVALID);
    says(error.message, "\"cbam_resunet=\" names nothing");
    assert_int_equal(bt_weights_check_names("hrnet=a,unet=b", models, 2, &error), BT_INVALID);
    says(error.message, "\"unet\" is no model here; there is hrnet, cbam_resunet");
    assert_int_equal(bt_weights_check_names("hrnet=a,cbam_resunet=b", models, 2, &error), BT_OK);
    assert_int_equal(bt_weights_check_names("demo", models, 2, &error), BT_OK);
    char text[128] = "";
    memset(text, 'n', 100);
    strcpy(text + 100, "=x");
    assert_int_equal(bt_weights_check_names(text, models, 2, &error), BT_INVALID);
    assert_true(strlen(error.message) < 140); /* a long name is cut */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_source_is_everybodys),
        TEST(a_source_may_be_one_models),
        TEST(a_file_that_is_there_is_one_whatever_it_is_called),
        TEST(a_source_is_named_once_and_for_a_model),
    };
    return cmocka_run_group_tests_name("settings-weights", tests, NULL, NULL);
}
