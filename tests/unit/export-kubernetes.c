/* What export-kubernetes makes of any text and of any placement: names that Kubernetes takes, YAML that stays what it is, and
 * what a pod may use. The files as a whole are looked at by tests/commands/export-kubernetes.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "export/pod.h"

/* ---- names ---- */

static void expect_name(const char *model, const char *name) {
    char out[BT_POD_NAME_SIZE];
    bt_pod_name(out, model);
    assert_string_equal(out, name);
}

static void a_name_is_one_that_kubernetes_takes(void **state) {
    (void)state;
    char other[BT_POD_NAME_SIZE], out[BT_POD_NAME_SIZE], longest[64];
    expect_name("hrnet", "batchtune-hrnet");
    expect_name("cbam_resunet", "batchtune-cbam-resunet");
    expect_name("v2-net", "batchtune-v2-net");
    bt_pod_name(out, "HRNet"); /* what is lost is told apart by a hash */
    bt_pod_name(other, "hRNET");
    assert_memory_equal(out, "batchtune-hrnet-", 16);
    assert_int_equal(strlen(out), 24);
    assert_string_not_equal(out, other);
    bt_pod_name(out, "\xc3\xa9\n");
    assert_int_equal(strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(out));
    assert_int_not_equal(out[strlen(out) - 1], '-');
    memset(longest, 'a', 63);
    longest[63] = '\0';
    bt_pod_name(out, longest);
    assert_in_range(strlen(out), 41,
                    49); /* with KServe's "-predictor" and a namespace it fits a host's label */
}

/* ---- YAML ---- */

static void a_quoted_text_is_one_line(void **state) {
    (void)state;
    char out[BT_YAML_QUOTED_SIZE], longest[2 * BT_YAML_QUOTED_SIZE];
    assert_string_equal(bt_yaml_quote("a: {b}", out), "\"a: {b}\"");
    assert_string_equal(bt_yaml_quote("\"\\", out), "\"\\\"\\\\\"");
    assert_string_equal(bt_yaml_quote("\t\n\x7f", out), "\"\\u0009\\u000a\\u007f\"");
    assert_string_equal(bt_yaml_quote("\xc3\xa9\xf0\x9f\x98\x80", out), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    assert_string_equal(bt_yaml_quote("\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf", out),
                        "\"\\u0085\\u2028\\u2029\\ufeff\"");
    assert_string_equal(bt_yaml_quote("\xe2", out), "\"\xe2\""); /* cut: nothing beyond its end is read */
    memset(longest, '\n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_true(strlen(bt_yaml_quote(longest, out)) < BT_YAML_QUOTED_SIZE);
    assert_int_equal(out[strlen(out) - 1], '"');
}

static void lines_stand_where_they_belong(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const bt_yaml outer = {out, 0}, inner = {out, 4};
    bt_yaml_put(&outer, "a:\n");
    bt_yaml_put(&inner, "b: %g\n\nc: %d\n", 2.5, 3);
    bt_yaml_json(&inner, "d.json", "{\n  \"\x7f\": 1\n}\n");
    fclose(out);
    assert_string_equal(
        text, "a:\n    b: 2.5\n\n    c: 3\n    d.json: |\n      {\n        \"\\u007f\": 1\n      }\n");
    free(text);
}

/* ---- what a pod may use ---- */

static bt_pod read_pod(const bt_config *config, const bt_config_model *model) {
    bt_pod pod;
    bt_error error = {BT_OK, ""};
    must(bt_pod_read(&pod, config, model, &error), &error);
    return pod;
}

static bt_config_model on(const char *device, int threads, int count) {
    bt_config_model model = {.name = "hrnet", .memory_kind = "process", .memory_usage_mb = 300};
    model.instance_count = count;
    for (int i = 0; i < count; i++) {
        strcpy(model.instances[i].device, device);
        model.instances[i].threads = threads;
    }
    return model;
}

static void cores_are_those_that_it_was_tuned_with(void **state) {
    (void)state;
    bt_config config = {.machine = {.cores = 8}};
    bt_config_model model = on("cpu", 2, 3);
    assert_int_equal(read_pod(&config, &model).cores, 6);
    assert_false(read_pod(&config, &model).bound);
    strcpy(model.instances[1].cpus, "2-3");
    assert_true(read_pod(&config, &model).bound);
    model = on("cpu", 0, 1); /* all of them */
    assert_int_equal(read_pod(&config, &model).cores, 8);
    config.machine.cpu_quota = 1.5; /* less than that is no whole core */
    assert_int_equal(read_pod(&config, &model).cores, 2);
    model = on("cpu", 0, 0); /* written by hand */
    strcpy(model.settings.device, "auto");
    model.settings.threads = 4;
    assert_int_equal(read_pod(&config, &model).cores, 4);
    config.machine = (bt_machine){0};
    model.settings.threads = 0;
    assert_int_equal(read_pod(&config, &model).cores, 1);
}

static void memory_is_for_both_paths_and_for_requests(void **state) {
    (void)state;
    const bt_config config = {.machine = {.cores = 2}};
    bt_config_model model = on("cpu", 2, 1);
    bt_pod pod = read_pod(&config, &model);
    assert_int_equal(pod.memory_mib % 256, 0);
    assert_true(0.75 * (double)pod.memory_mib >= 2 * 300 + 512 &&
                0.75 * ((double)pod.memory_mib - 256) < 2 * 300 + 512);
    model.memory_usage_mb = NAN; /* not known: what there is besides it */
    pod = read_pod(&config, &model);
    assert_true(isnan(pod.tuned_mib) && pod.memory_mib == 768);
}

static void a_gpu_is_asked_for_once(void **state) {
    (void)state;
    const bt_config config = {.machine = {.cores = 64}};
    bt_config_model model = on("cuda:0", 0, 3);
    strcpy(model.instances[2].device, "cuda:1");
    strcpy(model.memory_kind, "device");
    const bt_pod pod = read_pod(&config, &model);
    assert_int_equal(pod.gpus, 2);
    assert_int_equal(pod.instances, 3);
    assert_int_equal(pod.cores, 4);
    assert_true(isnan(pod.tuned_mib)); /* the model's memory is the device's */
}

static void weights_have_a_folder_of_their_own(void **state) {
    (void)state;
    const bt_config config = {.machine = {.cores = 2}};
    bt_config_model model = on("cpu", 2, 1);
    bt_pod pod;
    bt_error error = {BT_OK, ""};
    assert_string_equal(read_pod(&config, &model).weights_folder, "");
    strcpy(model.weights.path, "/srv/models/best.pth:ema");
    assert_string_equal(read_pod(&config, &model).weights_folder, "/srv/models");
    strcpy(model.model_file, "/srv/nets/net-{batch}.pt2");
    assert_string_equal(read_pod(&config, &model).weights_folder, "/srv/nets");
    strcpy(model.model_file, "/net.pt");
    assert_int_equal(bt_pod_read(&pod, &config, &model, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "cannot be mounted at /"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_one_that_kubernetes_takes),
        cmocka_unit_test(a_quoted_text_is_one_line),
        cmocka_unit_test(lines_stand_where_they_belong),
        cmocka_unit_test(cores_are_those_that_it_was_tuned_with),
        cmocka_unit_test(memory_is_for_both_paths_and_for_requests),
        cmocka_unit_test(a_gpu_is_asked_for_once),
        cmocka_unit_test(weights_have_a_folder_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
