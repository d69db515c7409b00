/* bench-service: what the service itself costs, around a backend that takes no time. Prints figures and
 * judges none; what a figure is compared with is measured beside it, in turns. `bench-service flood` and
 * `bench-service lone` are its two halves. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "live-service.h"
#include "measure/quantile.h"
#include "serving/serving.h"
#include "spread.h"

#define ROUNDS      11
#define IN_FLIGHT   4096
#define ROUND_COUNT 1000000
#define LONE_COUNT  4000

static bt_service *start(const char *settings) {
    return live_service_start(&(live_service){.backend = "sim:tau0_ms=0,alpha_ms=0,noise=0",
                                              .batch_size = 64,
                                              .image_size = 1,
                                              .model_count = 1,
                                              .settings = settings});
}

/* ---- many in flight ---- */

static atomic_long answered;

static void count_answer(void *context, const bt_result *result, const bt_error *error) {
    (void)context, (void)result, (void)error;
    atomic_fetch_add_explicit(&answered, 1, memory_order_relaxed);
}

static double flood(bt_service *service) {
    static const uint8_t pixel[3];
    const bt_request request = {.image = pixel, .height = 1, .width = 1, .model = "hrnet"};
    long sent = 0, refused = 0;
    bt_error error;
    atomic_store(&answered, 0);
    int64_t start_ns = bt_clock_now_ns();
    while (sent < ROUND_COUNT) {
        while (sent - atomic_load_explicit(&answered, memory_order_relaxed) >= IN_FLIGHT / 2)
            sched_yield();
        if (bt_service_submit(service, &request, count_answer, NULL, NULL, &error) == BT_OK)
            sent++;
        else
            refused++;
    }
    while (atomic_load(&answered) < sent)
        sched_yield();
    double seconds = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    if (refused > 0) printf("(%ld refused)\n", refused);
    return (double)sent / seconds / 1e6;
}

/* For scale: a ring of the same size under one mutex, filled by one thread and emptied by another, 64 at a
 * time. */
static struct {
    pthread_mutex_t lock;
    uint64_t items[IN_FLIGHT];
    atomic_ulong in, out;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *empty_ring(void *unused) {
    while (atomic_load_explicit(&ring.out, memory_order_relaxed) < ROUND_COUNT) {
        pthread_mutex_lock(&ring.lock);
        unsigned long there = ring.in - ring.out;
        ring.out += there < 64 ? there : 64;
        pthread_mutex_unlock(&ring.lock);
        if (there == 0) sched_yield();
    }
    return unused;
}

static double fill_ring(void) {
    pthread_t thread;
    ring.in = ring.out = 0;
    int64_t start_ns = bt_clock_now_ns();
    if (pthread_create(&thread, NULL, empty_ring, NULL) != 0) return 0;
    for (unsigned long i = 0; i < ROUND_COUNT;) {
        pthread_mutex_lock(&ring.lock);
        bool room = ring.in - ring.out < IN_FLIGHT;
        if (room) {
            ring.items[ring.in % IN_FLIGHT] = i++;
            ring.in++;
        }
        pthread_mutex_unlock(&ring.lock);
        if (!room) sched_yield();
    }
    pthread_join(thread, NULL);
    return ROUND_COUNT / ((double)(bt_clock_now_ns() - start_ns) / 1e9) / 1e6;
}

static void bench_flood(void) {
    bt_service *service = start("max_queue_size=4096,admission=false");
    double served[ROUNDS], ringed[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        served[round] = flood(service);
        ringed[round] = fill_ring();
    }
    print_spread("service, batches of 64, 2048 in flight", served, ROUNDS, "M requests/s");
    print_spread("  for scale: a bare mutex ring", ringed, ROUNDS, "M items/s");
    live_service_end(service);
}

/* ---- a lone request ---- */

static double lone_us(bt_service *service, double *samples) {
    static const uint8_t pixel[3];
    const bt_request request = {.image = pixel, .height = 1, .width = 1, .model = "hrnet"};
    bt_error error;
    for (int i = 0; i < LONE_COUNT; i++) {
        int64_t start_ns = bt_clock_now_ns();
        if (bt_service_infer(service, &request, NULL, &error) != BT_OK) printf("infer: %s\n", error.message);
        samples[i] = (double)(bt_clock_now_ns() - start_ns) / 1e3;
    }
    bt_sort(samples, LONE_COUNT);
    return bt_quantile(samples, LONE_COUNT, 0.5);
}

/* A word to and fro between two threads: what waking and being woken costs here at the least. */
static atomic_uint ball;

static void futex(atomic_uint *word, int operation, unsigned value) {
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void *play_back(void *unused) {
    for (unsigned i = 0; i < LONE_COUNT; i++) {
        while (atomic_load(&ball) != 2 * i + 1)
            futex(&ball, FUTEX_WAIT_PRIVATE, 2 * i);
        atomic_store(&ball, 2 * i + 2);
        futex(&ball, FUTEX_WAKE_PRIVATE, 1);
    }
    return unused;
}

static double round_trip_us(double *samples) {
    pthread_t thread;
    atomic_store(&ball, 0);
    if (pthread_create(&thread, NULL, play_back, NULL) != 0) return 0;
    for (unsigned i = 0; i < LONE_COUNT; i++) {
        int64_t start_ns = bt_clock_now_ns();
        atomic_store(&ball, 2 * i + 1);
        futex(&ball, FUTEX_WAKE_PRIVATE, 1);
        while (atomic_load(&ball) != 2 * i + 2)
            futex(&ball, FUTEX_WAIT_PRIVATE, 2 * i + 1);
        samples[i] = (double)(bt_clock_now_ns() - start_ns) / 1e3;
    }
    pthread_join(thread, NULL);
    bt_sort(samples, LONE_COUNT);
    return bt_quantile(samples, LONE_COUNT, 0.5);
}

static void bench_lone(void) {
    bt_service *sleeping = start(NULL);
    bt_service *spinning = start("spin_us=200");
    static double samples[LONE_COUNT];
    double lone[ROUNDS], spun[ROUNDS], bare[ROUNDS], ratio[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        bare[round] = round_trip_us(samples);
        lone[round] = lone_us(sleeping, samples);
        ratio[round] = lone[round] / bare[round];
        spun[round] = lone_us(spinning, samples);
    }
    print_spread("a lone request, median of 4000", lone, ROUNDS, "us");
    print_spread("  a bare futex round trip, likewise", bare, ROUNDS, "us");
    print_spread("  the one over the other, round by round", ratio, ROUNDS, "x");
    print_spread("a lone request with spin_us=200", spun, ROUNDS, "us");
    live_service_end(sleeping);
    live_service_end(spinning);
}

int main(int argc, char **argv) {
    const char *half = argc > 1 ? argv[1] : "";
    if (strcmp(half, "lone") != 0) bench_flood();
    if (strcmp(half, "flood") != 0) bench_lone();
    return 0;
}
