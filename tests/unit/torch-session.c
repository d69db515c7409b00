/* A libtorch session keeps its promises when things go wrong: bad input is named, what is missing comes with
 * its remedy, and running out of memory leaves session and process usable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../shim/torch_shim.h"
#include "backend/backend.h"
#include "backend/cuda.h"
#include "backend/torch-internal.h"
#include "backend/torch.h"
#include "base/files.h"
#include "base/library.h"
#include "compare.h"
#include "demo-session.h"
#include "inputs.h"
#include "kernels/cpu.h"

enum { SIDE = 64, PIXELS = SIDE * SIDE };

static bt_session_options usual(void) {
    bt_session_options options = demo_session("torch", "cbam_resunet", BT_PATH_STANDARD, SIDE);
    options.weights = "counter:1";
    return options;
}

/* Opening with these options fails so, and the one line says `named`. */
static void refused(bt_session_options options, bt_status status, const char *named) {
    bt_session *session = NULL;
    bt_error error = {0};
    assert_int_equal(bt_session_open(&session, &options, &error), status);
    assert_null(session);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, named)) fail_msg("'%s' does not say '%s'", error.message, named);
    assert_null(strchr(error.message, '\n'));
}

/* One image's logits. */
static void run_one(bt_session *session, float *logits) {
    float *images = malloc(3 * PIXELS * sizeof *images);
    bt_error error = {0};
    assert_non_null(images);
    input_counter(images, 3 * PIXELS, "test", 1);
    if (bt_session_run(session, 1, images, logits, &error) != BT_OK) fail_msg("%s", error.message);
    free(images);
}

static void bad_options_are_named(void **state) {
    (void)state;
    bt_session_options options = usual();
    options.model = "unet";
    refused(options, BT_INVALID, "unet");
    options = usual();
    options.weights = "counter:x";
    refused(options, BT_INVALID, "counter:x");
    options = usual();
    options.height = 65;
    refused(options, BT_INVALID, "65");
    options = usual();
    options.width = 1 << 20;
    refused(options, BT_INVALID, "16384");
    static const char *const devices[] = {"gpu", "cuda", "cuda:", "cuda:-1", "cuda:1x", "cuda:128", "CPU"};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        options = usual();
        options.device = devices[i];
        refused(options, BT_INVALID, devices[i]);
    }
}

static void absent_cuda_device_is_never_a_quiet_cpu_run(void **state) {
    (void)state;
    bt_session_options options = usual();
    int count;
    bt_error error = {0};
    if (bt_cuda_count(&count, &error) == BT_OK) {
        options.device = "cuda:127";
        refused(options, BT_UNSUPPORTED, "cuda:127");
    } else {
        options.device = "cuda:0";
        refused(options, BT_UNSUPPORTED, "driver");
    }
}

static void missing_shim_comes_with_the_remedy(void **state) {
    (void)state;
    setenv("BATCHTUNE_SHIM", "/nonexistent/shim.so", 1);
    refused(usual(), BT_UNSUPPORTED, "/nonexistent/shim.so");
    setenv("BATCHTUNE_SHIM", "libm.so.6", 1);
    refused(usual(), BT_UNSUPPORTED, "libm.so.6 is not batchtune's");
    unsetenv("BATCHTUNE_SHIM");
    bt_session_options first = usual();
    first.threads = 1;
    bt_session *session = open_session(first); /* a failure is not remembered */
    bt_session_close(&session);
}

/* Which libtorch would start as many of as the machine has cores, whatever a quota leaves of them. */
static void forks_have_the_threads_of_the_first_session(void **state) {
    (void)state;
    bt_torch_facts facts;
    bt_error error = {0};
    assert_int_equal(bt_torch_describe(&facts, &error), BT_OK);
    char path[BT_PATH_SIZE];
    assert_int_equal(bt_path_join(path, &error, "%s/libtorch_cpu.so", facts.library), BT_OK);
    void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    int (*threads)(void);
    assert_true(library && bt_library_symbol(library, "_ZN2at23get_num_interop_threadsEv", &threads));
    assert_int_equal(threads(), 1);
    dlclose(library);
}

static void another_interface_or_libtorch_is_refused(void **state) {
    (void)state;
    bt_torch_shim table = {.abi = BT_TORCH_SHIM_ABI};
    bt_torch_facts facts = {.version = "2.15.0", .built_version = "2.15.0"};
    bt_error error = {0};
    assert_int_equal(bt_torch_check_shim(&table, NULL, &error), BT_OK);
    assert_int_equal(bt_torch_check_shim(&table, &facts, &error), BT_OK);
    strcpy(facts.version, "2.12.1");
    assert_int_equal(bt_torch_check_shim(&table, &facts, &error), BT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "2.12.1"));
    assert_non_null(strstr(error.message, "2.15.0"));
    table.abi++;
    assert_int_equal(bt_torch_check_shim(&table, &facts, &error), BT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "interface"));
}

/* The largest batch's input alone needs more than a 47-bit address space holds, so that no machine can give
 * it. */
static void running_out_of_memory_leaves_the_session_usable(void **state) {
    (void)state;
    bt_session_options options = usual();
    float before[PIXELS], after[PIXELS];
    bt_session *session = open_session(options);
    options.height = options.width = 512;
    bt_session *large = open_session(options);
    bt_error error = {0};
    run_one(session, before);
    assert_int_equal(bt_session_prepare(large, INT_MAX, &error), BT_OUT_OF_DEVICE_MEMORY);
    assert_non_null(strstr(error.message, "a batch of 2147483647 does not fit: can't allocate memory"));
    assert_null(strchr(error.message, '\n'));
    run_one(session, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(bt_session_prepare(large, 1, &error), BT_OK);
    bt_session_close(&large);
    bt_session_close(&session);
}

static void description_is_filled(void **state) {
    (void)state;
    bt_torch_facts facts;
    bt_error error = {0};
    if (bt_torch_describe(&facts, &error) != BT_OK) fail_msg("%s", error.message);
    assert_string_equal(facts.version, facts.built_version);
    assert_non_null(strchr(facts.library, '/'));
    bt_session_options options = usual();
    options.threads = 1;
    options.use_amp = true; /* not on the standard path */
    bt_session *session = open_session(options);
    const bt_session_info *info = bt_session_describe(session);
    assert_non_null(strstr(info->backend, facts.version));
    assert_string_equal(info->precision, "fp32");
    assert_string_equal(info->precision_note, "");
    assert_string_equal(info->weights, "counter:1");
    assert_true(info->weights_hash != 0);
    assert_int_equal(info->threads, 1);
    assert_true(info->computes_masks);
    assert_false(info->trained_weights);
    assert_false(info->device_memory);
    bt_session_close(&session);
}

/* AMP is BF16 where that pays, and FP32 with a word about it where not. */
static void amp_on_a_cpu_says_what_it_is(void **state) {
    (void)state;
    bt_session_options options = usual();
    options.path = BT_PATH_PRODUCTION;
    options.use_amp = true;
    bt_session *session = open_session(options);
    const bt_session_info *info = bt_session_describe(session);
    const bool bf16 = strcmp(info->precision, "bf16") == 0;
    assert_true(bf16 || strcmp(info->precision, "fp32") == 0);
    assert_int_equal(*info->precision_note == '\0', bf16);
    bt_session_close(&session);
}

/* A forced one is taken, AMP or not, and computes what it says: BF16 is off FP32 by its rounding. */
static void a_forced_precision_is_what_is_computed(void **state) {
    (void)state;
    if (bt_cpu_best_level() < BT_CPU_AVX512_BF16) skip();
    static float standard[PIXELS], fp32[PIXELS], bf16[PIXELS];
    bt_session_options options = usual();
    bt_session *session = open_session(options);
    run_one(session, standard);
    bt_session_close(&session);
    options.path = BT_PATH_PLAIN;
    options.use_amp = true;
    options.precision = BT_PRECISION_FP32;
    session = open_session(options);
    assert_string_equal(bt_session_describe(session)->precision, "fp32");
    run_one(session, fp32);
    bt_session_close(&session);
    options.use_amp = false;
    options.precision = BT_PRECISION_BF16;
    session = open_session(options);
    assert_string_equal(bt_session_describe(session)->precision, "bf16");
    run_one(session, bf16);
    bt_session_close(&session);
    assert_true(compare_relative_error(fp32, standard, PIXELS) < 1e-5);
    assert_true(compare_relative_error(bf16, standard, PIXELS) > 1e-4);
}

static void a_precision_that_libtorch_has_not_is_refused(void **state) {
    (void)state;
    bt_session_options options = usual();
    options.path = BT_PATH_PLAIN;
    options.precision = BT_PRECISION_INT8;
    refused(options, BT_INVALID, "INT8 is the compiled plan's");
    options.precision = BT_PRECISION_FP16;
    refused(options, BT_INVALID, "FP16 is a GPU's");
}

/* Inference mode, autocast and thread count are per thread: sessions of one thread must not colour each
 * other. */
static void sessions_of_one_thread_do_not_mix(void **state) {
    (void)state;
    bt_session_options options = usual();
    float alone[PIXELS], between[PIXELS], amp[PIXELS];
    bt_session *standard = open_session(options);
    run_one(standard, alone);
    options.path = BT_PATH_PLAIN;
    options.use_amp = options.use_channels_last = true;
    options.threads = 1;
    bt_session *plain = open_session(options);
    run_one(plain, amp);
    run_one(standard, between);
    assert_memory_equal(alone, between, sizeof alone);
    assert_true(compare_relative_error(amp, alone, PIXELS) < 0.25);
    bt_session_close(&plain);
    bt_session_close(&standard);
}

static void *open_and_run(void *logits) {
    bt_session *session = open_session(usual());
    run_one(session, logits);
    bt_session_close(&session);
    return NULL;
}

static void sessions_of_many_threads_agree(void **state) {
    (void)state;
    enum { THREADS = 3 };
    static float logits[THREADS][PIXELS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_run, logits[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < THREADS; i++)
        assert_true(compare_relative_error(logits[i], logits[0], PIXELS) < 1e-5);
}

/* An image's logits do not depend on its neighbours in the batch. */
static void images_of_a_batch_are_independent(void **state) {
    (void)state;
    enum { BATCH = 3 };
    static float images[BATCH * 3 * PIXELS], together[BATCH * PIXELS], alone[PIXELS];
    bt_error error = {0};
    bt_session *session = open_session(usual());
    input_counter(images, BATCH * 3 * PIXELS, "batch", 2);
    assert_int_equal(bt_session_run(session, BATCH, images, together, &error), BT_OK);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(bt_session_run(session, 1, images + i * 3 * PIXELS, alone, &error), BT_OK);
        assert_true(compare_relative_error(together + i * PIXELS, alone, PIXELS) < 1e-4);
    }
    bt_session_close(&session);
}

static void memory_counts_the_process(void **state) {
    (void)state;
    bt_session *session = open_session(usual());
    bt_memory memory;
    bt_error error = {0};
    assert_int_equal(bt_session_prepare(session, 2, &error), BT_OK);
    assert_int_equal(bt_session_memory(session, &memory, &error), BT_OK);
    assert_true(memory.before_bytes > 0);
    assert_true(memory.used_peak_bytes > 130 * 1000 * 1000); /* the parameters alone */
    assert_true(memory.total_bytes > memory.used_peak_bytes);
    bt_session_close(&session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_shim_comes_with_the_remedy), /* first: before a shim is loaded for good */
        cmocka_unit_test(forks_have_the_threads_of_the_first_session),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(absent_cuda_device_is_never_a_quiet_cpu_run),
        cmocka_unit_test(another_interface_or_libtorch_is_refused),
        cmocka_unit_test(running_out_of_memory_leaves_the_session_usable),
        cmocka_unit_test(description_is_filled),
        cmocka_unit_test(amp_on_a_cpu_says_what_it_is),
        cmocka_unit_test(a_forced_precision_is_what_is_computed),
        cmocka_unit_test(a_precision_that_libtorch_has_not_is_refused),
        cmocka_unit_test(sessions_of_one_thread_do_not_mix),
        cmocka_unit_test(sessions_of_many_threads_agree),
        cmocka_unit_test(images_of_a_batch_are_independent),
        cmocka_unit_test(memory_counts_the_process),
    };
    return cmocka_run_group_tests_name("torch/session", tests, NULL, NULL);
}
