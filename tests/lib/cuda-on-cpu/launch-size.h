/* The vectors of whole numbers that CUDA has: what a launch's size is said in, and where a thread is in it. */
#ifndef BT_TESTS_CUDA_ON_CPU_LAUNCH_SIZE_H
#define BT_TESTS_CUDA_ON_CPU_LAUNCH_SIZE_H

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
        : x(x_size), y(y_size), z(z_size) {}
};

/* Of the thread that runs. */
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
constexpr int warpSize = 32;

#endif
