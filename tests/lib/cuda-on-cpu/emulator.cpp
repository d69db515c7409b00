/* Blocks, threads and barriers on one thread of the CPU.
 *
 * A fibre is a stack that runs threads of a block one after another. A thread that ends is followed by the next
 * one on the same stack; only one that must wait keeps its fibre, and another fibre goes on. So a block whose
 * threads never wait is a plain loop. Fibres are kept from block to block. */
#undef _FORTIFY_SOURCE /* its longjmp allows no other stack */
#include "emulator.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <deque>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

/* What the linker puts around all static shared memory (__shared__ in cuda_runtime.h). */
extern "C" {
extern char __start_cuda_shared[] __attribute__((weak));
extern char __stop_cuda_shared[] __attribute__((weak));
}

namespace {

/* Bytes of a fibre's stack. Too few overrun it, which the page below it catches; a sanitizer's frames are
 * larger. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t stack_bytes = 256 << 10;
#else
constexpr size_t stack_bytes = 64 << 10;
#endif
constexpr size_t page_bytes = 4096;

/* As every device has it. */
constexpr int threads_most = 1024;
constexpr size_t shared_most = 48 << 10;
constexpr unsigned grid_most = 65535; /* along y and z */
constexpr int lanes = 32;
constexpr size_t value_most = 16; /* bytes of what is shuffled */

/* CUDA's codes. */
constexpr int invalid_value = 1, invalid_configuration = 9;

enum class State { unstarted, running, at_barrier, at_shuffle, done };

struct Fibre {
    jmp_buf here;
    ucontext_t start; /* not on the stack that begin() leaves for good */
    bool begun = false;
    char *stack = nullptr; /* its lowest byte; of the caller's own fibre too */
    size_t bytes = 0;
    void *sanitizer = nullptr;
};

/* One of a block. */
struct Thread {
    State state = State::unstarted;
    Fibre *fibre = nullptr;
    unsigned mask = 0;
    int source = 0;
    size_t bytes = 0;
    unsigned char given[value_most], taken[value_most];
};

struct Machine {
    int multiprocessors = 132, launches = 0;
    bool reverse = false;
    const std::function<void()> *thread = nullptr;
    std::vector<Thread> threads; /* of the block that runs */
    int started = 0, waiting = 0, done = 0;
    int current = 0; /* thread */
    std::deque<int> ready;
    Fibre caller;
    Fibre *running = &caller;
    std::vector<std::unique_ptr<Fibre>> fibres;
    std::vector<Fibre *> idle;
    void *shared = nullptr;
};

Machine machine;

/* ---- fibres ---- */

[[noreturn]] void fail(const char *what) {
    fprintf(stderr, "CUDA on a CPU: %s: block %u %u %u, thread %d of %zu\n", what, blockIdx.x, blockIdx.y,
            blockIdx.z, machine.current, machine.threads.size());
    const char *const names[] = {"not begun", "running", "at a barrier", "at a shuffle", "ended"};
    int counts[5] = {};
    for (const Thread &thread : machine.threads)
        counts[static_cast<int>(thread.state)]++;
    for (int i = 0; i < 5; i++)
        if (counts[i]) fprintf(stderr, "CUDA on a CPU: threads %s: %d\n", names[i], counts[i]);
    abort();
}

void arrived(Fibre *fibre) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fibre->sanitizer, nullptr, nullptr);
#endif
    machine.running = fibre;
}

[[noreturn]] void fibre_main();

[[noreturn]] void begin(Fibre *fibre) {
    fibre->begun = true;
    if (getcontext(&fibre->start) != 0) fail("no context for a fibre");
    fibre->start.uc_stack.ss_sp = fibre->stack;
    fibre->start.uc_stack.ss_size = fibre->bytes;
    fibre->start.uc_link = nullptr;
    makecontext(&fibre->start, fibre_main, 0);
    machine.running = fibre;
    setcontext(&fibre->start);
    fail("a fibre does not start");
}

/* By setjmp, since swapcontext asks the kernel each time. */
void switch_to(Fibre *to) {
    Fibre *from = machine.running;
    if (from == to) return;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from->sanitizer, to->stack, to->bytes);
#endif
    if (_setjmp(from->here) == 0) {
        if (!to->begun) begin(to);
        _longjmp(to->here, 1);
    }
    arrived(from);
}

Fibre *new_fibre() {
    auto fibre = std::make_unique<Fibre>();
    void *memory = mmap(nullptr, stack_bytes + page_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, page_bytes, PROT_NONE) != 0) fail("no memory for a fibre");
    fibre->stack = static_cast<char *>(memory) + page_bytes;
    fibre->bytes = stack_bytes;
    machine.fibres.push_back(std::move(fibre));
    return machine.fibres.back().get();
}

/* ---- threads ---- */

void become(int thread) {
    machine.current = thread;
    threadIdx = {static_cast<unsigned>(thread), 0, 0};
}

/* Gives the CPU to whoever can use it: a thread whose wait is over, one that has not begun, or, where all have
 * ended, the caller. */
void pass_on() {
    if (!machine.ready.empty()) {
        int next = machine.ready.front();
        machine.ready.pop_front();
        switch_to(machine.threads[static_cast<size_t>(next)].fibre);
    } else if (machine.started < static_cast<int>(machine.threads.size())) {
        if (machine.idle.empty()) machine.idle.push_back(new_fibre());
        Fibre *fibre = machine.idle.back();
        machine.idle.pop_back();
        switch_to(fibre);
    } else if (machine.done == static_cast<int>(machine.threads.size())) {
        switch_to(&machine.caller);
    } else {
        fail("threads wait for others that do not come");
    }
}

/* Whose turn is the i-th of `count`. */
int turn(int i, int count) {
    return machine.reverse ? count - 1 - i : i;
}

void release(int thread) {
    machine.threads[static_cast<size_t>(thread)].state = State::running;
    machine.ready.push_back(thread);
}

/* Whether the barrier has everybody: those that ended count. */
void try_barrier() {
    if (machine.waiting == 0 || machine.waiting + machine.done < static_cast<int>(machine.threads.size()))
        return;
    machine.waiting = 0;
    const int count = static_cast<int>(machine.threads.size());
    for (int i = 0; i < count; i++)
        if (machine.threads[static_cast<size_t>(turn(i, count))].state == State::at_barrier)
            release(turn(i, count));
}

Thread *lane_of(int warp, int lane) {
    size_t thread = static_cast<size_t>(warp * lanes + lane);
    return thread < machine.threads.size() ? &machine.threads[thread] : nullptr;
}

/* Whether every lane of the mask that has not ended waits with that mask. */
bool is_shuffle_complete(int warp, unsigned mask) {
    for (int lane = 0; lane < lanes; lane++) {
        const Thread *thread = mask >> lane & 1 ? lane_of(warp, lane) : nullptr;
        if (!thread || thread->state == State::done) continue;
        if (thread->state != State::at_shuffle || thread->mask != mask) return false;
    }
    return true;
}

/* A lane that ended, or that there never was, gives nothing that means anything: NaN. */
void exchange(int warp, unsigned mask) {
    for (int lane = 0; lane < lanes; lane++) {
        Thread *thread = mask >> lane & 1 ? lane_of(warp, lane) : nullptr;
        if (!thread || thread->state != State::at_shuffle) continue;
        const Thread *source = mask >> thread->source & 1 ? lane_of(warp, thread->source) : nullptr;
        if (!source || source->state == State::done)
            memset(thread->taken, 0xff, sizeof thread->taken);
        else if (source->bytes != thread->bytes)
            fail("the lanes of a warp take part in different shuffles");
        else
            memcpy(thread->taken, source->given, thread->bytes);
    }
    for (int i = 0; i < lanes; i++) {
        const int lane = turn(i, lanes);
        if (mask >> lane & 1 && lane_of(warp, lane) && lane_of(warp, lane)->state == State::at_shuffle)
            release(warp * lanes + lane);
    }
}

void try_shuffles(int warp) {
    for (int lane = 0; lane < lanes; lane++) {
        Thread *thread = lane_of(warp, lane);
        if (thread && thread->state == State::at_shuffle && is_shuffle_complete(warp, thread->mask))
            exchange(warp, thread->mask);
    }
}

void wait_as(State state) {
    Thread *mine = &machine.threads[static_cast<size_t>(machine.current)];
    int thread = machine.current;
    mine->state = state;
    mine->fibre = machine.running;
    if (state == State::at_barrier) {
        machine.waiting++;
        try_barrier();
    } else if (is_shuffle_complete(thread / lanes, mine->mask)) {
        exchange(thread / lanes, mine->mask);
    }
    pass_on();
    become(thread);
}

void end_thread() {
    machine.threads[static_cast<size_t>(machine.current)].state = State::done;
    machine.done++;
    try_barrier();
    try_shuffles(machine.current / lanes);
}

void fibre_main() {
    Fibre *mine = machine.running;
    arrived(mine);
    for (;;) {
        const int count = static_cast<int>(machine.threads.size());
        while (machine.started < count) {
            become(turn(machine.started++, count));
            machine.threads[static_cast<size_t>(machine.current)].state = State::running;
            (*machine.thread)();
            end_thread();
        }
        machine.idle.push_back(mine);
        pass_on();
    }
}

/* ---- blocks ---- */

void run_block(int threads, size_t shared_bytes) {
    machine.threads.assign(static_cast<size_t>(threads), Thread());
    machine.started = machine.waiting = machine.done = 0;
    if (__start_cuda_shared)
        memset(__start_cuda_shared, 0xff, static_cast<size_t>(__stop_cuda_shared - __start_cuda_shared));
    memset(machine.shared, 0xff, shared_bytes);
    pass_on();
}

uint3 place_of(size_t block, dim3 grid) {
    return {static_cast<unsigned>(block % grid.x), static_cast<unsigned>(block / grid.x % grid.y),
            static_cast<unsigned>(block / grid.x / grid.y)};
}

void set_caller() {
    pthread_attr_t attributes;
    void *stack = nullptr;
    machine.caller.begun = true;
    if (machine.caller.stack || pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    pthread_attr_getstack(&attributes, &stack, &machine.caller.bytes);
    pthread_attr_destroy(&attributes);
    machine.caller.stack = static_cast<char *>(stack);
}

} // namespace

void cuda_on_cpu_set_multiprocessors(int count) {
    machine.multiprocessors = count;
}

int cuda_on_cpu_multiprocessors(void) {
    return machine.multiprocessors;
}

void cuda_on_cpu_reverse(bool reverse) {
    machine.reverse = reverse;
}

int cuda_on_cpu_launches(void) {
    return machine.launches;
}

namespace cuda_on_cpu {

int run_grid(dim3 grid, int threads, size_t shared_bytes, const std::function<void()> &thread) {
    if (threads < 1 || threads > threads_most || grid.x < 1 || grid.x > 0x7fffffff || grid.y < 1 ||
        grid.y > grid_most || grid.z < 1 || grid.z > grid_most)
        return invalid_configuration;
    if (shared_bytes > shared_most) return invalid_value;
    set_caller();
    machine.launches++;
    machine.thread = &thread;
    machine.shared = aligned_alloc(16, (shared_bytes + 31) / 16 * 16);
    if (!machine.shared) fail("no memory to share");
    gridDim = grid;
    blockDim = dim3(static_cast<unsigned>(threads));
    const size_t blocks = static_cast<size_t>(grid.x) * grid.y * grid.z;
    for (size_t i = 0; i < blocks; i++) {
        blockIdx = place_of(machine.reverse ? blocks - 1 - i : i, grid);
        run_block(threads, shared_bytes);
    }
    free(machine.shared);
    machine.shared = nullptr;
    return 0;
}

void *dynamic_shared() {
    return machine.shared;
}

void sync_threads() {
    wait_as(State::at_barrier);
}

void shuffle(unsigned mask, int source, void *value, size_t bytes) {
    Thread *mine = &machine.threads[static_cast<size_t>(machine.current)];
    if (!(mask >> machine.current % lanes & 1))
        fail("a lane takes part in a shuffle whose mask leaves it out");
    if (bytes > value_most) fail("a value too large to shuffle");
    mine->mask = mask;
    mine->source = source;
    mine->bytes = bytes;
    memcpy(mine->given, value, bytes);
    wait_as(State::at_shuffle);
    memcpy(value, mine->taken, bytes);
}

} // namespace cuda_on_cpu
