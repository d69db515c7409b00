#include "mpi/mpi_shim.h"

#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* So many ms are spent on messages that nobody has received yet when all are leaving. */
#define CLOSE_NAPS 5000

/* A message on its way. Those for a dead rank are never done: they stay in the list, and cost a test each. */
typedef struct sending {
    struct sending *next;
    MPI_Request request;
    char bytes[];
} sending;

static sending *under_way;

/* The same of those that come in, in the order in which they began. */
typedef struct receiving {
    struct receiving *next;
    MPI_Request request;
    int channel, from;
    size_t size;
    void *bytes;
} receiving;

static receiving *arriving;

/* The core has no part in this library: it fills the error itself. */
__attribute__((format(printf, 3, 4))) static bt_status fail(bt_error *error, bt_status status, const char *format,
                                                            ...) {
    if (!error) return status;
    va_list values;
    va_start(values, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, values);
    va_end(values);
    return status;
}

static bt_status fail_by_mpi(bt_error *error, int code, const char *doing) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return fail(error, BT_IO, "MPI cannot %s: %.200s", doing, text);
}

/* mpirun may have bound each to CPUs of its own; those who are not share theirs. */
static int compare_masks(MPI_Comm here, bt_mpi_place *out) {
    cpu_set_t own;
    CPU_ZERO(&own);
    (void)sched_getaffinity(0, sizeof own, &own); /* where that fails, for all alike: they share */
    cpu_set_t *all = calloc((size_t)out->count_here, sizeof *all);
    if (!all) return MPI_ERR_NO_MEM;
    int code = MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, here);
    out->own_sharing = out->count_sharing = 0;
    for (int i = 0; i < out->count_here && code == MPI_SUCCESS; i++) {
        const int same = CPU_EQUAL(&all[i], &own);
        out->own_sharing += same && i < out->own_here;
        out->count_sharing += same;
    }
    free(all);
    return code;
}

/* Who shares this host's memory shares its cores and devices. */
static int find_neighbours(bt_mpi_place *out) {
    MPI_Comm here;
    int code = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, out->own, MPI_INFO_NULL, &here);
    if (code != MPI_SUCCESS) return code;
    MPI_Comm_rank(here, &out->own_here);
    MPI_Comm_size(here, &out->count_here);
    code = compare_masks(here, out);
    const int freed = MPI_Comm_free(&here);
    return code == MPI_SUCCESS ? freed : code;
}

static bt_status mpi_open(bt_mpi_place *out, bt_error *error) {
    int had = 0, threads = MPI_THREAD_SINGLE;
    MPI_Initialized(&had);
    if (had) return fail(error, BT_INVALID, "MPI was joined already");
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &threads);
    if (code != MPI_SUCCESS) return fail_by_mpi(error, code, "start");
    /* What is wrong with one rank must not end the others. */
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (threads < MPI_THREAD_SERIALIZED)
        return fail(error, BT_UNSUPPORTED, "this MPI is not for programs of several threads");
    MPI_Comm_rank(MPI_COMM_WORLD, &out->own);
    MPI_Comm_size(MPI_COMM_WORLD, &out->count);
    code = find_neighbours(out);
    return code == MPI_SUCCESS ? BT_OK : fail_by_mpi(error, code, "tell who is on which host");
}

/* Frees what has arrived. */
static void sweep_sendings(void) {
    for (sending **at = &under_way; *at;) {
        sending *one = *at;
        int done = 0;
        if (MPI_Test(&one->request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        free(one);
    }
}

static bt_status mpi_send(int to, int channel, const void *bytes, size_t size, bt_error *error) {
    sweep_sendings();
    if (size > INT_MAX) return fail(error, BT_INVALID, "a message of %zu bytes is too long for MPI", size);
    sending *one = malloc(sizeof *one + size);
    if (!one) return fail(error, BT_NO_MEMORY, "out of memory for a message");
    memcpy(one->bytes, bytes, size);
    int code = MPI_Isend(one->bytes, (int)size, MPI_BYTE, to, channel, MPI_COMM_WORLD, &one->request);
    if (code != MPI_SUCCESS) {
        free(one);
        return fail_by_mpi(error, code, "send");
    }
    one->next = under_way;
    under_way = one;
    return BT_OK;
}

/* One that has begun to arrive. Of a rank that dies meanwhile it is never whole: it stays, and others pass it by. */
static bt_status begin_receiving(int channel, bool *there, bt_error *error) {
    MPI_Status found;
    MPI_Message message;
    int any = 0, count = 0;
    *there = false;
    int code = MPI_Improbe(MPI_ANY_SOURCE, channel, MPI_COMM_WORLD, &any, &message, &found);
    if (code != MPI_SUCCESS) return fail_by_mpi(error, code, "look for messages");
    if (!any) return BT_OK;
    MPI_Get_count(&found, MPI_BYTE, &count);
    receiving *one = malloc(sizeof *one);
    void *room = malloc(count > 0 ? (size_t)count : 1);
    if (!one || !room) {
        free(one);
        free(room);
        return fail(error, BT_NO_MEMORY, "out of memory for a message");
    }
    *one = (receiving){.channel = channel, .from = found.MPI_SOURCE, .size = (size_t)count, .bytes = room};
    code = MPI_Imrecv(room, count, MPI_BYTE, &message, &one->request);
    if (code != MPI_SUCCESS) {
        free(one);
        free(room);
        return fail_by_mpi(error, code, "receive");
    }
    receiving **end = &arriving;
    while (*end)
        end = &(*end)->next;
    *end = one;
    *there = true;
    return BT_OK;
}

/* Whether the rank has one in this channel that began before. */
static bool is_second(const receiving *one) {
    for (const receiving *before = arriving; before != one; before = before->next)
        if (before->channel == one->channel && before->from == one->from) return true;
    return false;
}

static bt_status mpi_take(int channel, int *from, void **bytes, size_t *size, bt_error *error) {
    bool there = true;
    *bytes = NULL;
    while (there) {
        bt_status status = begin_receiving(channel, &there, error);
        if (status != BT_OK) return status;
    }
    for (receiving **at = &arriving; *at; at = &(*at)->next) {
        receiving *one = *at;
        int done = 0;
        if (one->channel != channel || is_second(one)) continue;
        const int code = MPI_Test(&one->request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS) return fail_by_mpi(error, code, "receive");
        if (!done) continue;
        *at = one->next;
        *from = one->from;
        *bytes = one->bytes;
        *size = one->size;
        free(one);
        return BT_OK;
    }
    return BT_TIMEOUT;
}

/* What is still on its way is waited for, but not for ever: whoever is there receives it. */
static void mpi_close(bool all_alive) {
    const struct timespec nap = {.tv_nsec = 1000000};
    sweep_sendings();
    for (int i = 0; all_alive && under_way && i < CLOSE_NAPS; i++) {
        nanosleep(&nap, NULL);
        sweep_sendings();
    }
    if (all_alive) MPI_Finalize();
}

const bt_mpi_shim *bt_mpi_shim_table(void) {
    static const bt_mpi_shim table = {BT_MPI_ABI, mpi_open, mpi_send, mpi_take, mpi_close};
    return &table;
}
