/* Calls that fail when a test says so: memory that runs out, a disk that is full, a read that is interrupted.
 *
 * A program that is linked with the Makefile's FAULTS has the library's calls of malloc, open, write and the
 * like sent through here, and jansson's asking for memory. What the C library does by itself (a stream's
 * buffer, say) stays as it is. Calls are counted by kind while a fault is planted, so that a test can let the
 * first fail, then the second, until none is left to fail. With the sanitizers too: what is called in the end
 * is theirs. */
#ifndef BT_TESTS_FAULT_CALLS_H
#define BT_TESTS_FAULT_CALLS_H

#include <stdbool.h>

/* Kinds of calls, to be combined. */
enum {
    FAULT_MEMORY = 1 << 0, /* malloc, calloc, realloc, aligned_alloc, strdup, strndup, mmap, memory streams */
    FAULT_JSON = 1 << 11,  /* jansson's memory: for what is written, since its parser of 2.14 does not survive
                              that  a text's buffer cannot grow */
    FAULT_OPEN = 1 << 1,   /* open, fopen, fdopen, opendir, socketpair */
    FAULT_READ = 1 << 2,   /* read, pread, recv */
    FAULT_WRITE = 1 << 3,  /* write, pwrite, send */
    FAULT_FLUSH = 1 << 4,  /* fsync, fdatasync */
    FAULT_RENAME = 1 << 5,
    FAULT_CLOSE = 1 << 6,   /* close, fclose: closed all the same, as the kernel does */
    FAULT_FOLDER = 1 << 7,  /* mkdir */
    FAULT_CUT = 1 << 8,     /* ftruncate */
    FAULT_LOCK = 1 << 9,    /* flock */
    FAULT_THREAD = 1 << 10, /* pthread_create, fork */
    FAULT_FILES = FAULT_OPEN | FAULT_READ | FAULT_WRITE | FAULT_FLUSH | FAULT_RENAME | FAULT_CLOSE |
                  FAULT_FOLDER | FAULT_CUT | FAULT_LOCK
};

/* In place of an errno. */
#define FAULT_SHORT     (-1) /* a read or write moves one byte and no more */
#define FAULT_KILL      (-2) /* the process dies before the call (SIGKILL) */
#define FAULT_TORN      (-3) /* a write does half, then the process dies */
#define FAULT_INTERRUPT (-4) /* SIGINT comes just before the call, which goes on */

typedef struct fault {
    int calls;    /* the kinds that count */
    long at;      /* the how manieth of them fails, from 1; 0: none, they are only counted */
    bool lasting; /* and every one after it */
    int cause;    /* errno; memory always fails with ENOMEM */
} fault;

/* Starts counting anew. The library must be at rest: no thread of its own may run. */
void faults_plant(const fault *f);

/* From here on nothing fails (any thread). Returns how many calls were counted; `struck` (may be NULL)
 * whether one failed. */
long faults_end(bool *struck);

/* How many of the faults planted so far struck. */
long faults_struck(void);

#endif
