/* Every row of the source is stretched once, then each row of the output is blended of two stretched ones. */
#include "image/enlarge.h"

#include "image/resample.inc"

/* The source's rows, all planes', stretched, and the tables of one direction before them. */
size_t bt_image_enlarge_bytes(int count, int height, int width, int factor) {
    const size_t out = (size_t)width * (size_t)factor;
    return 3 * out * sizeof(int) +
           (weights_max(width, (int)out) + (size_t)count * (size_t)height * out) * sizeof(float);
}

void bt_image_enlarge(const float *planes, int count, int height, int width, int factor, float *out,
                      int threads, void *scratch) {
    const int to_height = height * factor, to_width = width * factor;
    const size_t row = (size_t)to_width;
    taps across;
    float *stretched = lay_taps(&across, scratch, width, to_width);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for
        for (int y = 0; y < count * height; y++)
            blend_across(stretched + (size_t)y * row, planes + (size_t)y * (size_t)width, &across, to_width);
#pragma omp for
        for (int y = 0; y < count * to_height; y++) {
            const window down = window_at(y % to_height, height, to_height);
            const size_t first = (size_t)(y / to_height) * (size_t)height + (size_t)down.start;
            blend_floats(out + (size_t)y * row, stretched + first * row, row, &down);
        }
    }
}
