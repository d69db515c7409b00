#include "load/draw.h"

int bt_input_draw_next(bt_input_draw *draw, const double *weights, int count) {
    if (!weights) return draw->turn++ % count;
    double total = 0;
    for (int i = 0; i < count; i++)
        total += weights[i];
    double place = bt_random_uniform(&draw->random) * total;
    for (int i = 0; i + 1 < count; i++) {
        if (place < weights[i]) return i;
        place -= weights[i];
    }
    return count - 1;
}
