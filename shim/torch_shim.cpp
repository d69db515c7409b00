/* The exported table. */
#include "internal.h"
#include "session.h"

#include <dlfcn.h>
#include <malloc.h>

/* Eager operators take and give back a large tensor each, and glibc's way with those (a mapping of their own,
 * or a heap that shrinks again) makes the kernel clear the same pages over and over. One arena that keeps
 * what it has and maps nothing apart ends that: at 128 x 128 CBAM-ResUNet takes about a tenth less time
 * (FP32, and BF16 in batches of 4), HRNet's change is within the noise. An arena is chosen when a thread
 * first allocates, so that this comes before libtorch starts any. The core trims the heap whenever it starts
 * to count memory, which keeps its peak meaningful. */
static void keep_pages() {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, -1); /* never */
    mallopt(M_MMAP_MAX, 0);
#endif
}

static bool configure_process() {
    keep_pages();
    bt::configure_packages();
    return true;
}

static bt_status table_describe(bt_torch_facts *facts, bt_error *error) {
    return bt::guarded(error, [&] { bt::describe(*facts); });
}

/* Of the OpenMP runtime that libtorch brought (OpenMP 5.0, section 3.2.45); older ones lack it. */
static void release_threads() {
    constexpr int soft = 1;
    using pause_all = int (*)(int);
    static const auto pause = reinterpret_cast<pause_all>(dlsym(RTLD_DEFAULT, "omp_pause_resource_all"));
    if (pause) pause(soft);
}

const bt_torch_shim *bt_torch_shim_table(void) {
    static const bool configured = configure_process(); /* once */
    (void)configured;
    static const bt_torch_shim table = {
        .abi = BT_TORCH_SHIM_ABI,
        .describe = table_describe,
        .open = bt::session_open,
        .prepare = bt::session_prepare,
        .run = bt::session_run,
        .release_threads = release_threads,
        .memory_reset = bt::session_memory_reset,
        .memory = bt::session_memory,
        .close = bt::session_close,
    };
    return &table;
}
