/* What ranks say to each other arrives as it was said, and what is no message is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "tune/crew-talk.h"

static bt_talk there_and_back(const bt_talk *talk) {
    bt_talk back = {0};
    bt_error error = {BT_OK, ""};
    json_t *json = bt_talk_to_json(talk);
    assert_non_null(json);
    char *text = bt_json_dump(json, JSON_COMPACT);
    json_decref(json);
    assert_non_null(text);
    json = bt_json_parse(text, strlen(text), &(json_error_t){0});
    free(text);
    if (bt_talk_from_json(json, &back, &error) != BT_OK) fail_msg("%s", error.message);
    json_decref(json);
    assert_int_equal(back.kind, talk->kind);
    return back;
}

static void who_is_ready_says_what_he_is(void **state) {
    (void)state;
    const bt_talk talk = {
        .kind = BT_TALK_READY,
        .ready = {.version = "1.2", .machine = "0123", .host = "node7", .cores = 3, .trouble = "no weights"}};
    const bt_talk back = there_and_back(&talk);
    assert_string_equal(back.ready.version, "1.2");
    assert_string_equal(back.ready.machine, "0123");
    assert_string_equal(back.ready.host, "node7");
    assert_int_equal(back.ready.cores, 3);
    assert_string_equal(back.ready.trouble, "no weights");
}

static void work_says_what_to_measure_and_how(void **state) {
    (void)state;
    const bt_talk talk = {
        .kind = BT_TALK_WORK,
        .folder = "results/run",
        .work = {.id = 7,
                 .model = 1,
                 .way = {.precision = "bf16", .channels_last = true, .instances = 2, .threads = 4},
                 .parcel = {{{BT_STEP_MEMORY, 8, 1}, {BT_STEP_MEASURE, 8, 3}}, 2}}};
    const bt_talk back = there_and_back(&talk);
    assert_string_equal(back.folder, "results/run");
    assert_int_equal(back.work.id, 7);
    assert_int_equal(back.work.model, 1);
    assert_true(bt_contender_same_kind(&back.work.way, &talk.work.way));
    assert_true(bt_contender_same_division(&back.work.way, &talk.work.way));
    assert_int_equal(back.work.parcel.count, 2);
    for (int i = 0; i < 2; i++)
        assert_true(bt_step_equal(&back.work.parcel.steps[i], &talk.work.parcel.steps[i]));
}

static void news_say_what_came_of_it(void **state) {
    (void)state;
    bt_talk talk = {.kind = BT_TALK_NEWS,
                    .news = {.kind = BT_NEWS_RESULT, .id = 3, .model = 2, .step = {BT_STEP_MEASURE, 4, 2}}};
    talk.news.result = bt_step_result_empty();
    talk.news.result.sample_count = 2;
    talk.news.result.samples_ms[0] = 0.1;
    talk.news.result.samples_ms[1] = 12.75;
    bt_talk back = there_and_back(&talk);
    assert_int_equal(back.news.id, 3);
    assert_int_equal(back.news.model, 2);
    assert_true(bt_step_equal(&back.news.step, &talk.news.step));
    assert_int_equal(back.news.result.sample_count, 2);
    assert_true(back.news.result.samples_ms[0] == 0.1 && back.news.result.samples_ms[1] == 12.75);
    talk.news = (bt_news){.kind = BT_NEWS_REFUSED, .error = {BT_IO, "net.pt is not there"}};
    assert_string_equal(there_and_back(&talk).news.error.message, "net.pt is not there");
    talk.news = (bt_news){.kind = BT_NEWS_FACTS, .elapsed_s = 0.5, .facts = {.info = {.device = "cuda:1"}}};
    back = there_and_back(&talk);
    assert_true(back.news.elapsed_s == 0.5);
    assert_string_equal(back.news.facts.info.device, "cuda:1");
    talk.news = (bt_news){.kind = BT_NEWS_DONE};
    assert_int_equal(there_and_back(&talk).news.kind, BT_NEWS_DONE);
}

static void goodbye_says_who_is_left(void **state) {
    (void)state;
    assert_true(there_and_back(&(bt_talk){.kind = BT_TALK_BYE, .all_alive = true}).all_alive);
    assert_false(there_and_back(&(bt_talk){.kind = BT_TALK_BYE}).all_alive);
}

static void what_is_no_message_is_told(void **state) {
    (void)state;
    static const char *const texts[] = {"{}",
                                        "{\"hello\":{}}",
                                        "{\"work\":{}}",
                                        "{\"work\":{\"id\":-1}}",
                                        "{\"news\":{\"news\":\"gossip\",\"id\":1,\"model\":0}}",
                                        "{\"news\":{\"news\":\"result\",\"id\":1,\"model\":0}}",
                                        "{\"news\":{\"news\":\"done\",\"id\":1,\"model\":99}}",
                                        "{\"ready\":7}",
                                        "[]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bt_talk talk;
        bt_error error = {BT_OK, ""};
        json_t *json = bt_json_parse(texts[i], strlen(texts[i]), &(json_error_t){0});
        if (bt_talk_from_json(json, &talk, &error) != BT_PARSE) fail_msg("%s was taken", texts[i]);
        assert_true(error.message[0] != '\0');
        json_decref(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_ready_says_what_he_is), cmocka_unit_test(work_says_what_to_measure_and_how),
        cmocka_unit_test(news_say_what_came_of_it),     cmocka_unit_test(goodbye_says_who_is_left),
        cmocka_unit_test(what_is_no_message_is_told),
    };
    return cmocka_run_group_tests_name("tune: crew talk", tests, NULL, NULL);
}
