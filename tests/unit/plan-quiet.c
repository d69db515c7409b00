/* A plan that runs asks the system for nothing: no page is touched for the first time, and no memory is
 * allocated but the handful of small blocks that oneDNN takes and gives back within each call. In FP32 its
 * products take working memory in the same way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "inputs.h"
#include "kernels/cpu.h"
#include "plan/plan.h"

#define SIDE 64
#define RUNS 20

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0 /* the sanitizers' malloc is theirs */
#else
#define COUNTS_ALLOCATIONS 1

/* The program's own malloc comes before the C library's for everybody, oneDNN and OpenMP included. */
#define FOR_EVERYBODY      __attribute__((visibility("default")))
#define SMALL              1024 /* bytes: a table of a convolution's arguments; no activation is so small */

static atomic_int allocations, large_allocations;

static void count(size_t size) {
    atomic_fetch_add(&allocations, 1);
    if (size > SMALL) atomic_fetch_add(&large_allocations, 1);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

FOR_EVERYBODY void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

FOR_EVERYBODY void *calloc(size_t items, size_t size) {
    count(items * size);
    return __libc_calloc(items, size);
}

FOR_EVERYBODY void *realloc(void *block, size_t size) {
    count(size);
    return __libc_realloc(block, size);
}

FOR_EVERYBODY void *aligned_alloc(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

FOR_EVERYBODY int posix_memalign(void **out, size_t alignment, size_t size) {
    count(size);
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : 12; /* ENOMEM */
}
#endif

static long faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static bt_plan *open_plan(const char *model, bt_value_type type, int threads, bt_network **network) {
    bt_weights *weights;
    bt_plan *plan;
    bt_error error;
    if (bt_network_open(network, model, &error) || bt_weights_open(&weights, *network, "demo", &error))
        fail_msg("%s", error.message);
    const bt_plan_options options = {.network = *network,
                                     .weights = weights,
                                     .height = SIDE,
                                     .width = SIDE,
                                     .threads = threads,
                                     .type = type,
                                     .level = bt_cpu_best_level()};
    if (bt_plan_open(&plan, &options, &error)) fail_msg("%s", error.message);
    bt_weights_close(&weights);
    return plan;
}

static void check_quiet(const char *model, int batch, bt_value_type type, int threads) {
    static float images[2 * 3 * SIDE * SIDE], logits[2 * SIDE * SIDE];
    bt_network *network;
    bt_error error;
    bt_plan *plan = open_plan(model, type, threads, &network);
    input_counter(images, sizeof images / sizeof *images, "quiet", 1);
    memset(logits, 0, sizeof logits);
    assert_int_equal(bt_plan_prepare(plan, batch, &error), BT_OK);
    assert_int_equal(bt_plan_run(plan, batch, images, logits, &error), BT_OK); /* OpenMP's threads start */
#if COUNTS_ALLOCATIONS
    int before = atomic_load(&allocations), large_before = atomic_load(&large_allocations);
#endif
    long faults_before = faults();
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(bt_plan_run(plan, batch, images, logits, &error), BT_OK);
    long faults_since = faults() - faults_before;
#if COUNTS_ALLOCATIONS
    int all = atomic_load(&allocations) - before, large = atomic_load(&large_allocations) - large_before;
    assert_true(before > 1000); /* or nobody was counted */
    print_message("%s, batch %d: %d small blocks a run, %ld page faults in %d runs\n", model, batch,
                  all / RUNS, faults_since, RUNS);
    if (type == BT_BF16 && large != 0)
        fail_msg("%s, batch %d: %d allocations in %d runs", model, batch, large, RUNS);
#endif
    /* The kernel may move a page at any time; a plan that touched new ones would fault in every run. */
    if (COUNTS_ALLOCATIONS && faults_since >= RUNS)
        fail_msg("%s, batch %d: %ld page faults in %d runs", model, batch, faults_since, RUNS);
    bt_plan_close(&plan);
    bt_network_close(&network);
}

static void a_run_asks_the_system_for_nothing(void **state) {
    (void)state;
    if (bt_cpu_best_level() < BT_CPU_AVX2) skip();
    const bt_value_type type = bt_cpu_best_level() >= BT_CPU_AVX512_BF16 ? BT_BF16 : BT_F32;
    check_quiet("hrnet", 1, type, 1);
    check_quiet("hrnet", 2, false, 1);
#if !defined(__SANITIZE_THREAD__) /* OpenMP's barriers are futexes of its own that it cannot see */
    check_quiet("cbam_resunet", 1, type, 2);
    check_quiet("cbam_resunet", 2, type, 2);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_asks_the_system_for_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
