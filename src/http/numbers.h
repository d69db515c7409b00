/* A tensor's numbers as they stand in a request's JSON: inputs[0].data, read straight into the tensor.
 *
 * A tree of JSON takes 40 bytes and a call for memory for each number, and has no word for what clients of this
 * protocol write: NaN, Infinity and -Infinity, bare. So that array alone is cut out of the text before a tree is
 * made of the rest, and read here; the rest stays a JSON library's. The text need not end in a zero byte. */
#ifndef BT_HTTP_NUMBERS_H
#define BT_HTTP_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An array of numbers, from its first bracket to its last; at NULL: none. */
typedef struct bt_numbers {
    const char *at;
    size_t length;
} bt_numbers;

/* Finds the array that is inputs[0].data, which may nest; none where there is no such array, it begins with a text,
 * or the JSON is damaged before its end: that is then for whoever reads the whole. */
bt_numbers bt_numbers_find(const char *json, size_t length);

/* The JSON with null in the array's place; malloc'ed, of *out_length bytes. NULL where memory is short. */
char *bt_numbers_cut(const char *json, size_t length, bt_numbers numbers, size_t *out_length);

/* How many numbers it has at most, by its length: a shape that says more is a lie. */
static inline size_t bt_numbers_most(bt_numbers numbers) {
    return numbers.length / 2;
}

/* Each reads all of the array, in order, however it nests. `out` has room for `room` numbers; *count receives how
 * many there are, which may be more. BT_PARSE names the first that is wrong, by its number from 0, and what is
 * no array. UINT8 are whole, 0 to 255; what else JSON can write is refused and never cut. */
BT_MUST_USE bt_status bt_numbers_read_uint8(uint8_t *out, size_t room, size_t *count, bt_numbers numbers,
                                            bt_error *error);
/* FP32: the float next to the double that is next to what is written; beyond what it holds, infinite. NaN, Infinity
 * and -Infinity are taken bare, and null is NaN, as clients read ours. */
BT_MUST_USE bt_status bt_numbers_read_fp32(float *out, size_t room, size_t *count, bt_numbers numbers,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
