/* Ready tensors become floats from any address, and what no picture has in it is seen, wherever it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "image/tensor.h"

#define COUNT 37 /* no multiple of a vector's */

static char bytes[1 + COUNT * sizeof(float)]; /* read from 1 on: at an address that nobody likes */
static float out[COUNT];

static void put(int at, bt_tensor_type type, float value) {
    const uint16_t half = bt_half_bits(value);
    if (type == BT_TENSOR_FP16)
        memcpy(bytes + 1 + 2 * at, &half, sizeof half);
    else
        memcpy(bytes + 1 + 4 * at, &value, sizeof value);
}

static float plain(int i) {
    return (float)(i - 18) / 8;
}

static void values_become_floats(void **state) {
    (void)state;
    for (int type = BT_TENSOR_FP32; type <= BT_TENSOR_FP16; type++) {
        for (int i = 0; i < COUNT; i++)
            put(i, (bt_tensor_type)type, plain(i));
        put(5, (bt_tensor_type)type, 65504);
        put(36, (bt_tensor_type)type, -65504);
        assert_true(bt_tensor_copy(out, bytes + 1, (bt_tensor_type)type, COUNT));
        for (int i = 0; i < COUNT; i++)
            assert_true(out[i] == (i == 5 ? 65504 : i == 36 ? -65504 : plain(i)));
    }
}

static void what_is_no_pictures_is_seen_and_copied(void **state) {
    (void)state;
    static const float wild[] = {NAN, -NAN, INFINITY, -INFINITY, 65536, -1e38F};
    for (int type = BT_TENSOR_FP32; type <= BT_TENSOR_FP16; type++)
        for (size_t w = 0; w < sizeof wild / sizeof *wild; w++)
            for (int at = 0; at < COUNT; at += 6) {
                for (int i = 0; i < COUNT; i++)
                    put(i, (bt_tensor_type)type, plain(i));
                put(at, (bt_tensor_type)type, wild[w]);
                assert_false(bt_tensor_copy(out, bytes + 1, (bt_tensor_type)type, COUNT));
                assert_true(isnan(wild[w]) ? isnan(out[at]) : fabsf(out[at]) > 65504);
                assert_true(out[at + 1 < COUNT ? at + 1 : 0] == plain(at + 1 < COUNT ? at + 1 : 0));
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_floats),
        cmocka_unit_test(what_is_no_pictures_is_seen_and_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
