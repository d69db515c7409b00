/* Where the parameters' numbers come from: the counter generator, and the demo weights laid over it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "networks/demo.h"
#include "networks/weights.h"

static bt_network *open_network(const char *name) {
    bt_network *network;
    bt_error error;
    if (bt_network_open(&network, name, &error) != BT_OK) fail_msg("%s", error.message);
    return network;
}

static bt_weights *open_weights(const bt_network *network, const char *source) {
    bt_weights *weights;
    bt_error error;
    if (bt_weights_open(&weights, network, source, &error) != BT_OK) fail_msg("%s", error.message);
    return weights;
}

typedef struct known_value {
    const char *name;
    size_t index;
    float value;
} known_value;

static void check_known(const char *model, const known_value *known, size_t count) {
    bt_network *network = open_network(model);
    bt_weights *weights = open_weights(network, "counter:20240917");
    size_t found = 0;
    for (size_t k = 0; k < count; k++)
        for (int i = 0; i < network->parameter_count; i++)
            if (strcmp(network->parameters[i].name, known[k].name) == 0) {
                assert_true(weights->values[i][known[k].index] == known[k].value);
                found++;
            }
    assert_int_equal(found, count);
    assert_int_equal(weights->trained, 0);
    assert_string_equal(weights->source, "counter:20240917");
    bt_weights_close(&weights);
    bt_network_close(&network);
}

/* Worked out apart, with numpy, from the rule in DESIGN: first and last elements of each kind of
 * parameter. */
static void counter_values_are_the_known_ones(void **state) {
    static const known_value hrnet[] = {
        {"conv1.weight", 0, -0x1.7ea71ap-4f},
        {"conv1.weight", 1727, -0x1.2d7bd8p-4f},
        {"bn1.weight", 0, 0x1.090b52p+0f},
        {"bn1.weight", 63, 0x1.05e362p+0f},
        {"bn1.bias", 0, -0x1.674418p-9f},
        {"bn1.bias", 63, -0x1.ecfd32p-7f},
        {"last_layer.3.weight", 0, -0x1.b7436ep-5f},
        {"last_layer.3.weight", 719, -0x1.bf21f8p-5f},
        {"last_layer.3.bias", 0, 0x1.e854ccp-6f},
    };
    static const known_value cbam_resunet[] = {
        {"init_conv.1.weight", 0, 0x1.04ac96p+0f},
        {"downs.0.cbam.channel_attention.shared_mlp.2.weight", 0, 0x1.1645d0p-2f},
        {"downs.0.cbam.channel_attention.shared_mlp.2.weight", 511, 0x1.0d08cep-3f},
        {"ups.0.weight", 2097151, -0x1.67877cp-6f},
        {"ups.0.bias", 511, 0x1.535f08p-4f},
        {"final_conv.4.bias", 0, 0x1.d9bd8ep-5f},
    };
    (void)state;
    check_known("hrnet", hrnet, sizeof(hrnet) / sizeof(hrnet[0]));
    check_known("cbam_resunet", cbam_resunet, sizeof(cbam_resunet) / sizeof(cbam_resunet[0]));
}

/* A network of two parameters, to look at the numbers closely and cheaply. */
static bt_parameter tiny_parameters[] = {
    {.name = "a.weight", .role = BT_PARAMETER_WEIGHT, .rank = 4, .dims = {2, 3, 3, 3}, .count = 54},
    {.name = "b.weight", .role = BT_PARAMETER_SCALE, .rank = 1, .dims = {5}, .count = 5},
};
static const bt_network tiny = {
    .name = "tiny", .title = "Tiny", .parameters = tiny_parameters, .parameter_count = 2};

static void the_hash_is_over_names_and_bytes(void **state) {
    bt_weights *weights = open_weights(&tiny, "counter:7");
    uint64_t hash = BT_FNV_START;
    (void)state;
    hash = bt_fnv1a64(hash, "a.weight", 8);
    hash = bt_hash_large(hash, weights->values[0], 54 * sizeof(float));
    hash = bt_fnv1a64(hash, "b.weight", 8);
    hash = bt_hash_large(hash, weights->values[1], 5 * sizeof(float));
    assert_int_equal(weights->hash, hash);
    bt_weights_close(&weights);
}

static void one_seed_gives_one_set(void **state) {
    bt_weights *a = open_weights(&tiny, "counter:7"), *b = open_weights(&tiny, "counter:7");
    bt_weights *c = open_weights(&tiny, "counter:8");
    (void)state;
    assert_int_equal(a->hash, b->hash);
    assert_int_not_equal(a->hash, c->hash);
    assert_memory_equal(a->values[0], b->values[0], 54 * sizeof(float));
    bt_weights_close(&a);
    bt_weights_close(&b);
    bt_weights_close(&c);
}

static void values_are_aligned_for_vectors(void **state) {
    bt_weights *weights = open_weights(&tiny, "counter:7");
    (void)state;
    for (int i = 0; i < weights->parameter_count; i++)
        assert_int_equal((uintptr_t)weights->values[i] % 64, 0);
    bt_weights_close(&weights);
}

static void unknown_sources_are_told_the_known_forms(void **state) {
    static const char *const sources[] = {
        "",           "random",     "counter",    "counter:",
        "counter:-1", "counter:1x", "counter: 1", "counter:18446744073709551616",
        "demo:1",     "Demo"};
    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        bt_weights *weights;
        bt_error error;
        assert_int_equal(bt_weights_open(&weights, &tiny, sources[i], &error), BT_INVALID);
        assert_null(weights);
        assert_non_null(strstr(error.message, "use \"demo\" or \"counter:SEED\""));
    }
    bt_weights *largest = open_weights(&tiny, "counter:18446744073709551615");
    bt_weights_close(&largest);
}

static void a_network_without_demo_weights_says_so(void **state) {
    bt_weights *weights;
    bt_error error;
    (void)state;
    assert_int_equal(bt_weights_open(&weights, &tiny, "demo", &error), BT_INVALID);
    assert_string_equal(error.message, "there are no demo weights for Tiny: give --weights a checkpoint, or "
                                       "counter:SEED for random ones");
}

/* Trained numbers where they are trained, the counter's everywhere else. */
static void check_demo(const char *model) {
    bt_network *network = open_network(model);
    bt_weights *weights = open_weights(network, "demo");
    const uint8_t *data;
    size_t size, trained = 0, changed = 0;
    uint64_t seed;
    bt_error error;
    assert_int_equal(weights->trained, 1);
    assert_string_equal(weights->source, "demo");
    assert_int_equal(bt_demo_data(network, &data, &size, &error), BT_OK);
    assert_true(size <= 200 * 1024);
    assert_int_equal(bt_demo_seed(network, data, size, &seed, &error), BT_OK);
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        double u = 2 * bt_counter_uniform(bt_counter_key(parameter->name, seed), 0) - 1;
        if (bt_demo_trains(parameter)) {
            double before = parameter->role == BT_PARAMETER_SCALE ? 1 + 0.1 * u : 0.1 * u;
            trained++;
            changed += fabs((double)weights->values[i][0] - before) > 0.01;
        } else if (parameter->rank > 1) {
            double fan_in = (double)parameter->count / (double)parameter->dims[0];
            assert_true(weights->values[i][0] == (float)(u * sqrt(6 / fan_in)));
        }
    }
    assert_true(changed > trained * 3 / 4);
    bt_weights_close(&weights);
    bt_network_close(&network);
}

static void demo_weights_lie_over_the_counters(void **state) {
    (void)state;
    check_demo("hrnet");
    check_demo("cbam_resunet");
}

/* Data that says nothing but a header and `count` halves, for the tiny network. */
static size_t make_demo(uint8_t *data, const uint16_t *halves, size_t count) {
    static const char line[] = "b.weight\t5\n";
    const uint32_t version = 1;
    const uint64_t numbers[] = {count, 99, bt_fnv1a64(BT_FNV_START, line, sizeof(line) - 1)};
    memcpy(data, "BTDW", 4);
    memcpy(data + 4, &version, 4);
    memcpy(data + 8, numbers, sizeof(numbers));
    memcpy(data + 32, halves, 2 * count);
    return 32 + 2 * count;
}

static void halves_are_read_exactly(void **state) {
    static const uint16_t halves[5] = {0x3C00, 0xC0A0, 0x7BFF, 0x0001, 0x8400};
    static const float expected[5] = {1.0f, -2.3125f, 65504.0f, 0x1p-24f, -0x1p-14f};
    uint8_t data[64];
    float a[54] = {0}, b[5], *values[] = {a, b};
    uint64_t seed;
    bt_error error;
    (void)state;
    assert_int_equal(bt_demo_seed(&tiny, data, make_demo(data, halves, 5), &seed, &error), BT_OK);
    assert_int_equal(seed, 99);
    bt_demo_apply(&tiny, data, values);
    for (int i = 0; i < 5; i++)
        assert_true(b[i] == expected[i]);
    assert_true(a[0] == 0.0f);
}

static void expect_refused(const uint8_t *data, size_t size, const char *why) {
    uint64_t seed;
    bt_error error;
    assert_int_equal(bt_demo_seed(&tiny, data, size, &seed, &error), BT_PARSE);
    if (strstr(error.message, why) == NULL) fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void broken_demo_data_is_refused(void **state) {
    static const uint16_t good[5] = {0}, infinite[5] = {0, 0, 0x7C00, 0, 0};
    uint8_t data[64];
    size_t size = make_demo(data, good, 5);
    (void)state;
    expect_refused(data, 0, "not a demo weights file");
    expect_refused(data, 31, "not a demo weights file");
    expect_refused(data, size - 1, "41 bytes where 42 are expected");
    expect_refused(data, size + 1, "43 bytes where 42 are expected");
    for (size_t i = 0; i < 32; i++)
        if (i < 16 || i >= 24) { /* any seed is a seed */
            data[i] ^= 1;
            expect_refused(data, size, i < 8 ? "not a demo weights file" : "trained for another network");
            data[i] ^= 1;
        }
    expect_refused(data, make_demo(data, infinite, 5), "value 2 is not finite");
}

static void closing_nothing_is_allowed(void **state) {
    bt_weights *weights = NULL;
    (void)state;
    bt_weights_close(&weights);
    bt_weights_close(NULL);
    weights = open_weights(&tiny, "counter:1");
    bt_weights_close(&weights);
    assert_null(weights);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_values_are_the_known_ones),
        cmocka_unit_test(the_hash_is_over_names_and_bytes),
        cmocka_unit_test(one_seed_gives_one_set),
        cmocka_unit_test(values_are_aligned_for_vectors),
        cmocka_unit_test(unknown_sources_are_told_the_known_forms),
        cmocka_unit_test(a_network_without_demo_weights_says_so),
        cmocka_unit_test(demo_weights_lie_over_the_counters),
        cmocka_unit_test(halves_are_read_exactly),
        cmocka_unit_test(broken_demo_data_is_refused),
        cmocka_unit_test(closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("networks-weights", tests, NULL, NULL);
}
