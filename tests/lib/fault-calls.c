#include "fault-calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static fault planted;      /* changes only while nothing is watched */
static atomic_int watched; /* planted.calls, or 0 */
static atomic_long counted;
static atomic_bool any_struck;
static long struck_in_all;

/* Counts a call; true, with errno, where it is to fail. */
static bool strikes(int kind) {
    if (!(atomic_load(&watched) & kind)) return false;
    long number = atomic_fetch_add(&counted, 1) + 1;
    if (planted.at == 0 || (planted.lasting ? number < planted.at : number != planted.at)) return false;
    atomic_store(&any_struck, true);
    if (planted.cause == FAULT_KILL) raise(SIGKILL);
    if (planted.cause == FAULT_INTERRUPT) return raise(SIGINT) != 0;
    errno = kind & (FAULT_MEMORY | FAULT_JSON) ? ENOMEM : planted.cause;
    return true;
}

/* ---- the calls: the linker sends `name` to __wrap_name, and what that calls __real_name to `name` ---- */

#define WRAP(type, name, parameters)                                                                         \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters

/* A call of a kind that returns `failure` where it fails. */
#define SIMPLE(kind, type, failure, name, parameters, arguments)                                             \
    WRAP(type, name, parameters) {                                                                           \
        return strikes(kind) ? failure : __real_##name arguments;                                            \
    }

SIMPLE(FAULT_MEMORY, void *, NULL, malloc, (size_t size), (size))
SIMPLE(FAULT_MEMORY, void *, NULL, calloc, (size_t count, size_t size), (count, size))
SIMPLE(FAULT_MEMORY, void *, NULL, realloc, (void *block, size_t size), (block, size))
SIMPLE(FAULT_MEMORY, void *, NULL, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
SIMPLE(FAULT_MEMORY, char *, NULL, strdup, (const char *text), (text))
SIMPLE(FAULT_MEMORY, char *, NULL, strndup, (const char *text, size_t size), (text, size))
SIMPLE(FAULT_MEMORY, FILE *, NULL, open_memstream, (char **text, size_t *size), (text, size))
SIMPLE(FAULT_MEMORY, FILE *, NULL, fmemopen, (void *text, size_t size, const char *mode), (text, size, mode))
SIMPLE(FAULT_MEMORY, void *, MAP_FAILED, mmap,
       (void *address, size_t length, int protection, int flags, int file, off_t offset),
       (address, length, protection, flags, file, offset))

SIMPLE(FAULT_OPEN, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
SIMPLE(FAULT_OPEN, FILE *, NULL, fdopen, (int file, const char *mode), (file, mode))
SIMPLE(FAULT_OPEN, DIR *, NULL, opendir, (const char *path), (path))
SIMPLE(FAULT_OPEN, int, -1, socketpair, (int domain, int type, int protocol, int pair[2]),
       (domain, type, protocol, pair))
SIMPLE(FAULT_FLUSH, int, -1, fsync, (int file), (file))
SIMPLE(FAULT_FLUSH, int, -1, fdatasync, (int file), (file))
SIMPLE(FAULT_RENAME, int, -1, rename, (const char *from, const char *to), (from, to))
SIMPLE(FAULT_FOLDER, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
SIMPLE(FAULT_CUT, int, -1, ftruncate, (int file, off_t length), (file, length))
SIMPLE(FAULT_LOCK, int, -1, flock, (int file, int operation), (file, operation))
SIMPLE(FAULT_THREAD, pid_t, -1, fork, (void), ())
SIMPLE(FAULT_THREAD, int, EAGAIN, pthread_create,
       (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument),
       (thread, attributes, start, argument))

WRAP(int, open, (const char *path, int flags, ...)) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return strikes(FAULT_OPEN) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, close, (int file)) {
    int failed = __real_close(file);
    return strikes(FAULT_CLOSE) ? -1 : failed;
}

WRAP(int, fclose, (FILE * stream)) {
    int failed = __real_fclose(stream);
    return strikes(FAULT_CLOSE) ? EOF : failed;
}

/* What becomes of a read or write. */
typedef enum move { MOVE_GOES_ON, MOVE_FAILS, MOVE_THEN_DIE } move;

/* Before the call: shortens *size where the fault says so. */
static move begin_move(int kind, size_t *size) {
    if (!strikes(kind)) return MOVE_GOES_ON;
    if (planted.cause != FAULT_SHORT && planted.cause != FAULT_TORN) return MOVE_FAILS;
    const size_t all = *size;
    *size = planted.cause == FAULT_TORN ? all / 2 : all > 1 ? 1 : all;
    return planted.cause == FAULT_TORN && *size < all ? MOVE_THEN_DIE : MOVE_GOES_ON;
}

/* After it, which moved so much. */
static ssize_t end_move(move how, ssize_t moved) {
    if (how == MOVE_THEN_DIE) raise(SIGKILL);
    return moved;
}

#define MOVING(kind, name, parameters, arguments)                                                            \
    WRAP(ssize_t, name, parameters) {                                                                        \
        const move how = begin_move(kind, &size);                                                            \
        return how == MOVE_FAILS ? -1 : end_move(how, __real_##name arguments);                              \
    }

MOVING(FAULT_READ, read, (int file, void *bytes, size_t size), (file, bytes, size))
MOVING(FAULT_READ, pread, (int file, void *bytes, size_t size, off_t offset), (file, bytes, size, offset))
MOVING(FAULT_READ, recv, (int file, void *bytes, size_t size, int flags), (file, bytes, size, flags))
MOVING(FAULT_WRITE, write, (int file, const void *bytes, size_t size), (file, bytes, size))
MOVING(FAULT_WRITE, pwrite, (int file, const void *bytes, size_t size, off_t offset),
       (file, bytes, size, offset))
MOVING(FAULT_WRITE, send, (int file, const void *bytes, size_t size, int flags), (file, bytes, size, flags))

static void *json_malloc(size_t size) {
    return strikes(FAULT_JSON) ? NULL : __real_malloc(size);
}

/* ---- planting ---- */

void faults_plant(const fault *f) {
    json_set_alloc_funcs(json_malloc, free);
    atomic_store(&counted, 0);
    atomic_store(&any_struck, false);
    planted = *f;
    atomic_store(&watched, f->calls);
}

long faults_end(bool *struck) {
    const bool watching = atomic_exchange(&watched, 0) != 0, hit = atomic_load(&any_struck);
    struck_in_all += watching && hit;
    if (struck) *struck = hit;
    return atomic_load(&counted);
}

long faults_struck(void) {
    return struck_in_all;
}
