/* MPI behind plain C: what src/ranks/ranks.c loads with dlopen, built by `make MPI=1` alone.
 *
 * A library of its own, so that nothing else needs an MPI. It is thin: it moves messages, and neither waits nor
 * decides. Whoever waits, for how long, and who counts as dead, is src/ranks/ranks.c's business and its callers'. After
 * the start no collective is called: one of them would wait for a rank that died.
 *
 * Its functions are called by one thread at a time. Bump BT_MPI_ABI when one of them, or a struct, changes shape. */
#ifndef BT_SHIM_MPI_H
#define BT_SHIM_MPI_H

#include <stdbool.h>
#include <stddef.h>

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_MPI_ABI 1

/* Which of them this process is: of all, of those of its host, and of those that may run on just the same CPUs. */
typedef struct bt_mpi_place {
    int own, count;
    int own_here, count_here;
    int own_sharing, count_sharing;
} bt_mpi_place;

typedef struct bt_mpi_shim {
    int abi;
    /* Joins the processes that mpirun started; once in a process. BT_UNSUPPORTED where MPI lets no two threads take
     * turns at it. Where MPI cannot start at all, it ends the process itself. */
    bt_status (*open)(bt_mpi_place *out, bt_error *error);
    /* Hands a copy of the bytes over and returns at once, whether anybody receives them or not. */
    bt_status (*send)(int to, int channel, const void *bytes, size_t size, bt_error *error);
    /* The next message of a channel: its bytes (malloc'ed, the caller's) and whose it is. BT_TIMEOUT at once where there
     * is none. */
    bt_status (*take)(int channel, int *from, void **bytes, size_t *size, bt_error *error);
    /* Leaves. Where somebody died, MPI's own ending would wait for him, and is left out. */
    void (*close)(bool all_alive);
} bt_mpi_shim;

BT_API const bt_mpi_shim *bt_mpi_shim_table(void);

#ifdef __cplusplus
}
#endif
#endif
