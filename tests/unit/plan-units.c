/* Which tensors are bytes and what their bytes are worth: by the networks that are built in, and by small ones that
 * would go wrong if a tensor with signs came to what takes none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "made-up-network.h"
#include "plan/units.h"

enum { SIDE = 128, TENSORS_MOST = 2000 };

/* A network with all that is decided of it, under a calibration of everything. */
typedef struct subject {
    bt_network *network;
    bt_shape shapes[TENSORS_MOST];
    bt_calibration *calibration;
    bt_units *units;
    int *groups;
} subject;

static void decide(subject *s) {
    bt_error error;
    must(bt_units_open(&s->units, s->network, s->shapes, s->calibration, &error), &error);
}

static void decide_again(subject *s) {
    bt_units_close(&s->units, s->network);
    decide(s);
}

/* Takes the network. */
static void open_subject(subject *s, bt_network *network, int side) {
    bt_error error;
    *s = (subject){.network = network};
    assert_in_range(network->tensor_count, 1, TENSORS_MOST);
    must(bt_network_shapes(network, side, side, s->shapes, &error), &error);
    must(bt_units_groups(&s->groups, network, s->shapes, &error), &error);
    s->calibration = made_up_calibration(network);
    decide(s);
}

static void open_built_in(subject *s, const char *name) {
    bt_error error;
    bt_network *network;
    must(bt_network_open(&network, name, &error), &error);
    open_subject(s, network, SIDE);
}

static void close_subject(subject *s) {
    bt_units_close(&s->units, s->network);
    bt_calibration_close(&s->calibration);
    bt_network_close(&s->network);
    free(s->groups);
}

static const bt_operation *producer_of(const subject *s, int tensor) {
    for (int i = 0; i < s->network->operation_count; i++)
        if (s->network->operations[i].output == tensor) return &s->network->operations[i];
    return NULL;
}

/* The first operation of this kind, from number `*from` on; NULL past the last. */
static const bt_operation *next_of(const subject *s, bt_operation_kind kind, int *from) {
    for (; *from < s->network->operation_count; ++*from)
        if (s->network->operations[*from].kind == kind) return &s->network->operations[(*from)++];
    return NULL;
}

static int channels_of(const subject *s, int tensor) {
    return s->shapes[tensor].channels;
}

static int bytes_among(const subject *s) {
    int count = 0;
    for (int t = 0; t < s->network->tensor_count; t++)
        count += s->units[t].bytes;
    return count;
}

static void for_all(void (*check)(subject *s)) {
    static subject s;
    for (size_t i = 0; bt_network_name(i); i++) {
        open_built_in(&s, bt_network_name(i));
        check(&s);
        close_subject(&s);
    }
}

/* ---- what is bytes ---- */

/* A concatenation of other sizes is never written: the convolution reads its parts. */
static bool reads_bytes(const subject *s, int tensor) {
    const bt_operation *producer = producer_of(s, tensor);
    if (s->units[tensor].bytes) return true;
    if (producer->kind != BT_OPERATION_CONCATENATE) return false;
    for (int i = 0; i < producer->input_count; i++)
        if (!s->units[producer->inputs[i]].bytes) return false;
    return true;
}

static void check_convolutions(subject *s) {
    int from = 0, seen = 0;
    for (const bt_operation *o; (o = next_of(s, BT_OPERATION_CONVOLUTION, &from));) {
        const bool first = o->inputs[0] == 0, dot = channels_of(s, o->output) == 1;
        if (!first && !dot && !reads_bytes(s, o->inputs[0]))
            fail_msg("%s: a convolution reads tensor %d as floats", s->network->name, o->inputs[0]);
        if (first || dot) assert_false(s->units[o->inputs[0]].bytes);
        if (o->activation != BT_ACTIVATION_RELU)
            assert_false(s->units[o->output].bytes); /* a norm makes them */
        seen++;
    }
    from = 0;
    for (const bt_operation *o; (o = next_of(s, BT_OPERATION_TRANSPOSED_CONVOLUTION, &from));)
        assert_true(s->units[o->inputs[0]].bytes && s->units[o->output].bytes);
    assert_true(seen > 18);
}

static void every_convolution_reads_bytes_but_the_first_and_dot_products(void **state) {
    (void)state;
    for_all(check_convolutions);
}

static void check_floats(subject *s) {
    int from = 0;
    assert_false(s->units[0].bytes);
    assert_false(s->units[s->network->output_tensor].bytes);
    for (const bt_operation *o; (o = next_of(s, BT_OPERATION_NORM, &from));) {
        if (o->activation != BT_ACTIVATION_RELU) assert_false(s->units[o->output].bytes);
        if (o->activation == BT_ACTIVATION_SIGMOID) assert_int_equal(channels_of(s, o->output), 1);
    }
    from = 0;
    for (const bt_operation *o; (o = next_of(s, BT_OPERATION_GATE, &from));)
        assert_false(s->units[o->inputs[1]].bytes);
    from = 0;
    for (const bt_operation *o; (o = next_of(s, BT_OPERATION_ADD, &from));)
        for (int i = 0; i < o->input_count; i++) /* a branch's own part is read by its next convolution too */
            if (producer_of(s, o->inputs[i])->activation != BT_ACTIVATION_RELU)
                assert_false(s->units[o->inputs[i]].bytes);
    assert_true(bytes_among(s) > s->network->tensor_count / 4);
}

static void the_image_the_logits_terms_of_sums_and_gates_maps_stay_in_floats(void **state) {
    (void)state;
    for_all(check_floats);
}

/* ---- what a byte is worth ---- */

static void check_zeros(subject *s) {
    for (int t = 1; t < s->network->tensor_count; t++) {
        const bt_operation *producer = producer_of(s, t);
        const bool joins = producer->kind == BT_OPERATION_CONCATENATE;
        for (int c = 0, i = 0, end = 0; s->units[t].bytes && c < channels_of(s, t); c++) {
            while (joins && c >= end + channels_of(s, producer->inputs[i]))
                end += channels_of(s, producer->inputs[i++]);
            const bt_operation *writer = joins ? producer_of(s, producer->inputs[i]) : producer;
            const bool signs = writer->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION;
            if (s->units[t].zero[c] != (signs ? 128 : 0))
                fail_msg("%s: tensor %d, channel %d has its zero at %g", s->network->name, t, c,
                         (double)s->units[t].zero[c]);
        }
    }
}

static void only_what_an_up_convolution_writes_has_its_zero_at_128(void **state) {
    (void)state;
    for_all(check_zeros);
}

/* No byte stands for more than the channel's range, give or take how far units follow their tensor's largest. */
static void check_reach(subject *s) {
    for (int t = 1; t < s->network->tensor_count; t++) {
        const bt_calibrated_tensor *measured = bt_calibration_find(s->calibration, t);
        const bt_operation_kind kind = producer_of(s, t)->kind;
        if (!s->units[t].bytes || kind == BT_OPERATION_MAX_POOL || kind == BT_OPERATION_CONCATENATE) continue;
        const int last = channels_of(s, t) - 1;
        const float most = s->units[t].zero[last] != 0 ? 127 : 255;
        for (int c = 0; c <= last; c++) {
            const float reach = s->units[t].unit[c] * most;
            assert_true(reach >= (float)measured->ranges[c] * 0.9999F);
            assert_true(reach <= (float)measured->ranges[last] * 1.0001F);
            assert_true(fabsf(s->units[t].unit[c] * s->units[t].per_unit[c] - 1) < 1e-6F);
        }
    }
}

static void bytes_reach_as_far_as_was_measured(void **state) {
    (void)state;
    for_all(check_reach);
}

static void check_parts(subject *s) {
    for (int i = 0; i < s->network->operation_count; i++) {
        const bt_operation *o = &s->network->operations[i];
        const bt_units *to = &s->units[o->output];
        if (!to->bytes || (o->kind != BT_OPERATION_MAX_POOL && o->kind != BT_OPERATION_CONCATENATE)) continue;
        for (int j = 0, first = 0; j < o->input_count; first += channels_of(s, o->inputs[j++])) {
            const size_t size = (size_t)channels_of(s, o->inputs[j]) * sizeof(float);
            assert_memory_equal(to->unit + first, s->units[o->inputs[j]].unit, size);
            assert_memory_equal(to->per_unit + first, s->units[o->inputs[j]].per_unit, size);
            assert_memory_equal(to->zero + first, s->units[o->inputs[j]].zero, size);
        }
    }
}

static void pools_and_concatenations_have_the_units_of_what_they_are_of(void **state) {
    (void)state;
    for_all(check_parts);
}

static bool weighs(const bt_operation *o) {
    return o->kind == BT_OPERATION_GATE || o->kind == BT_OPERATION_CHANNEL_ATTENTION ||
           o->kind == BT_OPERATION_SPATIAL_ATTENTION;
}

static void check_ratios(subject *s) {
    for (int i = 0; i < s->network->operation_count; i++) {
        const bt_operation *o = &s->network->operations[i];
        if (!s->units[o->output].bytes || !weighs(o)) continue;
        for (int c = 0; c < channels_of(s, o->output); c++) {
            const float worth = s->units[o->output].ratio[c] * s->units[o->output].unit[c],
                        wanted = s->units[o->inputs[0]].unit[c];
            assert_true(fabsf(worth - wanted) <= 1e-6F * wanted);
        }
    }
}

static void weighing_turns_units_of_one_tensor_into_the_others(void **state) {
    (void)state;
    for_all(check_ratios);
}

/* ---- groups ---- */

static void check_groups(subject *s) {
    for (int t = 0; t < s->network->tensor_count; t++) {
        assert_int_equal(s->groups[t] >= 0, s->units[t].bytes);
        if (s->groups[t] < 0) continue;
        assert_true(s->groups[t] <= t);
        assert_int_equal(s->groups[s->groups[t]], s->groups[t]);
    }
    for (int i = 0; i < s->network->operation_count; i++) {
        const bt_operation *o = &s->network->operations[i];
        const bool pools = o->kind == BT_OPERATION_MAX_POOL;
        if (weighs(o) || pools) assert_int_equal(s->groups[o->inputs[0]], s->groups[o->output]);
        if (o->kind == BT_OPERATION_NORM && s->groups[o->output] >= 0)
            assert_int_equal(s->groups[o->output], o->output); /* nothing was joined before it */
    }
}

static void what_hands_bytes_on_is_of_the_group_of_what_it_reads(void **state) {
    (void)state;
    for_all(check_groups);
}

/* The groups that stay in floats where `group` does: itself, and what an up-convolution makes of one that does. */
static void floats_with(const subject *s, int group, bool *floats) {
    memset(floats, 0, TENSORS_MOST * sizeof *floats);
    floats[group] = true;
    for (int round = 0; round < s->network->operation_count; round++)
        for (int i = 0; i < s->network->operation_count; i++) {
            const bt_operation *o = &s->network->operations[i];
            const int from = s->groups[o->inputs[0]], to = s->groups[o->output];
            if (o->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION && from >= 0 && floats[from] && to >= 0)
                floats[to] = true;
        }
}

/* Each group's every member. */
static void check_wide(subject *s) {
    static bool floats[TENSORS_MOST];
    for (int t = 1; t < s->network->tensor_count; t++) {
        if (s->groups[t] < 0) continue;
        floats_with(s, s->groups[t], floats);
        bt_calibration_find(s->calibration, t)->wide = true;
        decide_again(s);
        for (int other = 0; other < s->network->tensor_count; other++)
            if (s->units[other].bytes != (s->groups[other] >= 0 && !floats[s->groups[other]]))
                fail_msg("%s: tensor %d is wide, and %d is not decided by it", s->network->name, t, other);
        bt_calibration_find(s->calibration, t)->wide = false;
    }
}

static void a_wide_tensor_takes_its_whole_group_along_and_what_is_brought_up_of_it(void **state) {
    (void)state;
    for_all(check_wide);
}

/* ---- calibrations of something else ---- */

static void another_number_of_channels_is_refused(void **state) {
    (void)state;
    static subject s;
    bt_error error;
    bt_units *units;
    open_built_in(&s, "hrnet");
    int tensor = 1;
    while (!s.units[tensor].bytes)
        tensor++;
    bt_calibration_find(s.calibration, tensor)->channels = 3;
    assert_int_equal(bt_units_open(&units, s.network, s.shapes, s.calibration, &error), BT_INVALID);
    says(error.message, "has 3 channels, the network's 64");
    assert_null(units);
    close_subject(&s);
}

/* The calibration without what it says of one tensor: that tensor was never measured. */
static void forget(bt_calibration *calibration, int tensor) {
    bt_calibrated_tensor *at = bt_calibration_find(calibration, tensor);
    free(at->ranges);
    memmove(at, at + 1, (size_t)(calibration->tensors + calibration->tensor_count - at - 1) * sizeof *at);
    calibration->tensor_count--;
}

static void check_unmeasured(subject *s) {
    for (int t = 1; t < s->network->tensor_count; t++) {
        const bt_operation *producer = producer_of(s, t);
        if (s->groups[t] < 0) continue;
        bt_calibration_close(&s->calibration);
        s->calibration = made_up_calibration(s->network);
        forget(s->calibration, t);
        decide_again(s);
        /* What hands bytes on has the units of what it reads. */
        const bool hands_on = weighs(producer) || producer->kind == BT_OPERATION_MAX_POOL ||
                              producer->kind == BT_OPERATION_CONCATENATE;
        for (int other = 0; other < s->network->tensor_count; other++)
            if (s->groups[other] == s->groups[t] && s->units[other].bytes != hands_on)
                fail_msg("%s: tensor %d was not measured, and %d is %s", s->network->name, t, other,
                         s->units[other].bytes ? "bytes" : "floats");
    }
}

static void what_was_not_measured_stays_in_floats_with_its_group(void **state) {
    (void)state;
    for_all(check_unmeasured);
}

/* ---- a tensor with signs ---- */

static int up_of(bt_builder *b) {
    int x = bt_build_sequence(b, 0, (bt_convolution){.channels = 8, .kernel = 3, .stride = 2}, BT_NO_TENSOR,
                              BT_ACTIVATION_RELU, "in");
    return bt_build_transposed_convolution(b, x, 8, "up");
}

/* A norm with ReLU of the image's size. */
static int skip_of(bt_builder *b) {
    return bt_build_sequence(b, 0, (bt_convolution){.channels = 8, .kernel = 3}, BT_NO_TENSOR,
                             BT_ACTIVATION_RELU, "skip");
}

/* What reads the tensor with signs in the end: a convolution, then the logits. */
static int out_of(bt_builder *b, int x, int kernel) {
    x = bt_build_sequence(b, x, (bt_convolution){.channels = 8, .kernel = kernel}, BT_NO_TENSOR,
                          BT_ACTIVATION_RELU, "out");
    return bt_build_convolution(b, x, (bt_convolution){.channels = 1, .kernel = 1}, "logits");
}

static int to_convolution(bt_builder *b) {
    return out_of(b, up_of(b), 3);
}

static int to_pointwise(bt_builder *b) {
    return out_of(b, up_of(b), 1);
}

static int to_joined(bt_builder *b) {
    return out_of(b, bt_build_concatenate(b, (int[]){skip_of(b), up_of(b)}, 2), 3);
}

static int to_wide_kernel(bt_builder *b) {
    return out_of(b, up_of(b), 5);
}

static int to_pool(bt_builder *b) {
    return out_of(b, bt_build_max_pool(b, up_of(b), 2), 3);
}

static int to_channel_attention(bt_builder *b) {
    return out_of(b, bt_build_channel_attention(b, up_of(b), 2, "attention"), 3);
}

static int to_spatial_attention(bt_builder *b) {
    return out_of(b, bt_build_spatial_attention(b, up_of(b), 3, "attention"), 3);
}

static int to_gate(bt_builder *b) {
    int map = bt_build_sequence(b, skip_of(b), (bt_convolution){.channels = 1, .kernel = 1}, BT_NO_TENSOR,
                                BT_ACTIVATION_SIGMOID, "map");
    return out_of(b, bt_build_gate(b, up_of(b), map), 3);
}

static int to_sum(bt_builder *b) {
    int up = up_of(b), skip = skip_of(b);
    int read = bt_build_convolution(b, up, (bt_convolution){.channels = 8, .kernel = 1}, "read");
    return out_of(b, bt_build_add_relu(b, (int[]){skip, up, read}, 3, 0), 3);
}

static int to_residual(bt_builder *b) {
    int up = up_of(b);
    return out_of(b,
                  bt_build_sequence(b, up, (bt_convolution){.channels = 8, .kernel = 3}, up,
                                    BT_ACTIVATION_RELU, "residual"),
                  3);
}

static int joined_to_pool(bt_builder *b) {
    int joined = bt_build_concatenate(b, (int[]){skip_of(b), up_of(b)}, 2);
    return out_of(b, bt_build_max_pool(b, joined, 2), 3);
}

static int joined_twice_to_attention(bt_builder *b) {
    int skip = skip_of(b), joined = bt_build_concatenate(b, (int[]){skip, up_of(b)}, 2);
    return out_of(b, bt_build_channel_attention(b, bt_build_concatenate(b, (int[]){joined, skip}, 2), 2, "a"),
                  3);
}

/* Whether what the up-convolution writes is bytes. */
static bool up_is_bytes(int (*describe)(bt_builder *b)) {
    static subject s;
    int from = 0;
    open_subject(&s, made_up_network(describe), 16);
    const bt_operation *up = next_of(&s, BT_OPERATION_TRANSPOSED_CONVOLUTION, &from);
    const bool bytes = s.units[up->output].bytes;
    for (int t = 0; !bytes && t < s.network->tensor_count; t++)
        for (int c = 0; s.units[t].bytes && c < channels_of(&s, t); c++)
            assert_true(s.units[t].zero[c] == 0);
    close_subject(&s);
    return bytes;
}

/* A largest byte is a largest value only where a zero is 0, and a sum of bytes a sum of values: what reduces,
 * weighs or adds never sees another zero. Convolutions know of it, if their border is one that can be told. */
static void a_tensor_with_signs_comes_to_convolutions_alone(void **state) {
    (void)state;
    assert_true(up_is_bytes(to_convolution));
    assert_true(up_is_bytes(to_pointwise));
    assert_true(up_is_bytes(to_joined));
    assert_false(up_is_bytes(to_wide_kernel));
    assert_false(up_is_bytes(to_pool));
    assert_false(up_is_bytes(to_channel_attention));
    assert_false(up_is_bytes(to_spatial_attention));
    assert_false(up_is_bytes(to_gate));
    assert_false(up_is_bytes(to_sum));
    assert_false(up_is_bytes(to_residual));
    assert_false(up_is_bytes(joined_to_pool));
    assert_false(up_is_bytes(joined_twice_to_attention));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_convolution_reads_bytes_but_the_first_and_dot_products),
        cmocka_unit_test(the_image_the_logits_terms_of_sums_and_gates_maps_stay_in_floats),
        cmocka_unit_test(only_what_an_up_convolution_writes_has_its_zero_at_128),
        cmocka_unit_test(bytes_reach_as_far_as_was_measured),
        cmocka_unit_test(pools_and_concatenations_have_the_units_of_what_they_are_of),
        cmocka_unit_test(weighing_turns_units_of_one_tensor_into_the_others),
        cmocka_unit_test(what_hands_bytes_on_is_of_the_group_of_what_it_reads),
        cmocka_unit_test(a_wide_tensor_takes_its_whole_group_along_and_what_is_brought_up_of_it),
        cmocka_unit_test(another_number_of_channels_is_refused),
        cmocka_unit_test(what_was_not_measured_stays_in_floats_with_its_group),
        cmocka_unit_test(a_tensor_with_signs_comes_to_convolutions_alone),
    };
    return cmocka_run_group_tests_name("plan/units", tests, NULL, NULL);
}
