/* The kinds of steps: a row for each, with all that a plan knows of it.
 *
 * A *step* is one call of a kernel or a convolution. Its row says how it is called in traces, how its
 * arguments find their memory, how it runs on a CPU and on a GPU, and which operations of a network begin with it, with the
 * function that lowers one: that adds the step, or several, to a program (lowering.h). A family of kinds lies
 * in one file (step-norm.c, step-attention.c, ...), the list of rows in program.c, and nothing else knows
 * what kinds there are. So a new step is a function and a row beside its kernel's family, and its name in
 * that list. */
#ifndef BT_PLAN_STEP_H
#define BT_PLAN_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/cpu.h"
#include "networks/network.h"
#include "plan/cuda-device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a step reads and writes; NULL where it has no such value. */
typedef struct bt_step_memory {
    void *inputs[BT_MAX_INPUTS]; /* which is which depends on the kind */
    void *output, *second_output;
    void *scratch;
} bt_step_memory;

struct bt_lowering;

/* How one operation of a network becomes steps. A failure sticks to the lowering. */
typedef void (*bt_lower)(struct bt_lowering *lowering, int number, const bt_operation *operation);

/* Operations that one kind of step has at most. */
#define BT_STEP_OPERATIONS 3

typedef struct bt_step_kind {
    const char *name;
    size_t size; /* of its arguments: bt_norm, bt_sum, ... */
    /* Its output is written and not read, so that the last step of a plan can write to the caller's
     * memory. */
    bool only_writes;
    void (*bind)(void *arguments, const bt_step_memory *memory);
    /* On a CPU, and the scratch that it wants there; NULL: none. */
    bt_status (*run)(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error);
    size_t (*scratch)(const void *arguments);
    /* On a GPU: CUDA's code. NULL: no such step there. */
    int (*launch)(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream);
    size_t (*cuda_scratch)(const bt_cuda_table *cuda, const void *arguments);
    void (*text)(const void *arguments, char *text, size_t size); /* NULL: name and output say it */
    void (*close)(void *arguments);                               /* NULL: nothing to give back */
    struct {
        bt_operation_kind operation;
        bt_lower lower; /* NULL past the last */
    } lowers[BT_STEP_OPERATIONS];
} bt_step_kind;

#ifdef __cplusplus
}
#endif
#endif
