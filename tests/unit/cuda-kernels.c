/* The kernels of a CUDA device, run on this CPU (tests/lib/cuda-on-cpu), against their references in double:
 * every type, any size and alignment, slices of wider tensors, in place and apart, few multiprocessors and
 * many, nothing written outside, and the same bits whichever block and thread comes first. A failing case
 * prints the seed that repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cuda-on-cpu/emulator.h"
#include "device-kernels.h"

/* A sanitizer takes ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS 15
#else
#define SEEDS 60
#endif
/* Kernels of one call, at most. */
#define LAUNCHES_MOST 2

static const bt_value_type types[] = {BT_F32, BT_F16, BT_BF16};

/* One case, once in each order; the hashes of both are the same. */
static void try_one(const device_kernel *kernel, uint64_t seed, bt_value_type type) {
    static const int multiprocessors[] = {1, 2, 7, 16, 132};
    uint64_t hash = 0;
    cuda_on_cpu_set_multiprocessors(multiprocessors[seed % 5]);
    for (int reverse = 0; reverse < 2; reverse++) {
        device_case c;
        const int before = cuda_on_cpu_launches();
        device_case_open(&c, bt_cuda_device_table(), NULL, seed, type);
        cuda_on_cpu_reverse(reverse);
        kernel->try(&c);
        device_case_close(&c);
        const char *wrong = c.code != 0                 ? "refused"
                            : c.overrun                 ? "wrote outside"
                            : !(c.error <= 1)           ? "off"
                            : reverse && c.hash != hash ? "other bits where the last thread comes first"
                            : cuda_on_cpu_launches() - before > LAUNCHES_MOST ? "too many launches"
                                                                              : NULL;
        if (wrong)
            fail_msg("%s, seed %llu, %s, %d multiprocessors%s: %s: %s (error %g of what is allowed)",
                     kernel->name, (unsigned long long)seed, bt_value_type_name(type),
                     multiprocessors[seed % 5], reverse ? ", last thread first" : "", c.text, wrong, c.error);
        hash = c.hash;
    }
}

static void agrees_with_its_reference(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            try_one(*state, seed, types[i]);
}

int main(void) {
    struct CMUnitTest tests[DEVICE_KERNELS];
    for (int i = 0; i < DEVICE_KERNELS; i++) {
        void *kernel = (void *)(uintptr_t)&device_kernels[i];
        tests[i] = (struct CMUnitTest){device_kernels[i].name, agrees_with_its_reference, NULL, NULL, kernel};
    }
    return cmocka_run_group_tests_name("cuda/kernels", tests, NULL, NULL);
}
