/* Which of a stream's inputs each of its requests sends: drawn by weight from a seed, or in turn. Internal to
 * load/. */
#ifndef BT_LOAD_DRAW_H
#define BT_LOAD_DRAW_H

#include <stdint.h>

#include "base/random.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_input_draw {
    bt_random random;
    int turn;
} bt_input_draw;

/* Of the stream with that index. */
static inline bt_input_draw bt_input_draw_begin(uint64_t seed, int stream) {
    return (bt_input_draw){.random = bt_random_stream(seed + (uint64_t)stream, "load/inputs"), .turn = 0};
}

/* The next one, of 0..count-1. `weights` may be NULL: in turn. */
int bt_input_draw_next(bt_input_draw *draw, const double *weights, int count);

#ifdef __cplusplus
}
#endif
#endif
