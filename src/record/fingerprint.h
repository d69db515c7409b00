/* Whose figures are these? The machine must be the same for two figures to be comparable; the subject is what
 * a comparison is about. */
#ifndef BT_RECORD_FINGERPRINT_H
#define BT_RECORD_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What must match. */
typedef struct bt_machine {
    char fingerprint[20]; /* 16 hex digits over the fields below */
    char cpu[128];        /* model name, or "simulated" */
    int cores;            /* that this process may use (base/cores.h) */
    /* CPUs' worth of time, where that is less than the CPUs; 0 none; NaN in older records */
    double cpu_quota;
    int64_t memory_bytes;  /* the smaller of the machine's and the cgroup's */
    char clock_policy[64]; /* frequency governor, "unknown" where the kernel does not tell */
    char gpu[128];         /* empty without one */
    int64_t gpu_memory_bytes;
} bt_machine;

/* What may differ. */
typedef struct bt_subject {
    char tool_version[32], revision[64];   /* the revision of the source tree, "unknown" outside one */
    char runtime[64], runtime_detail[256]; /* "torch 2.15.0", build facts */
    char gpu_driver[64];                   /* empty without one */
} bt_subject;

/* Reads this machine's facts from /proc, /sys and the cgroup; nothing is started or loaded, so it takes well
 * under a millisecond. What cannot be read is "unknown" or 0. GPU facts come from /proc/driver/nvidia, where
 * it is. */
void bt_machine_read(bt_machine *machine);

/* Fills in what there is to know before a backend is open: this program's version and revision, and the driver's,
 * if any. The runtime is left as it is. */
void bt_subject_read(bt_subject *subject);

/* The same with `root`/proc and `root`/sys in place of /proc and /sys, so that a test can lay out any
 * machine. */
void bt_machine_read_under(const char *root, bt_machine *machine);
/* The version of the NVIDIA kernel driver that is loaded, "" where the kernel's files tell of none. */
void bt_gpu_driver_read_under(const char *root, char *out, size_t size);

/* Recomputes machine->fingerprint from the other fields. Memory is rounded to GiB: kernels differ in what
 * they keep. The GPU's memory stays out: it can be asked only of a driver that is loaded, and whoever just
 * looks at a config does not load one. */
void bt_machine_seal(bt_machine *machine);

/* "1 core (CPU quota 0.5)", "8 cores". */
#define BT_MACHINE_CORES_SIZE 64
void bt_machine_cores(const bt_machine *machine, char out[BT_MACHINE_CORES_SIZE]);

/* One phrase for each field in which two machines differ ("cores: 8, here 2; clock policy: ..."), into `out`
 * (cut to size); returns how many differ. What either side does not know is no difference. */
int bt_machine_differences(const bt_machine *recorded, const bt_machine *here, char *out, int size);
int bt_subject_differences(const bt_subject *recorded, const bt_subject *here, char *out, int size);

#ifdef __cplusplus
}
#endif
#endif
