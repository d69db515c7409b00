/* Where a model's instances run: on which devices, or on which of the CPU's cores. */
#ifndef BT_SETTINGS_PLACEMENT_H
#define BT_SETTINGS_PLACEMENT_H

#include <sched.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_INSTANCES_MAX 16 /* of a model */

/* One copy of a model with its own worker. */
typedef struct bt_instance {
    char device[64];
    int threads;    /* 0: all cores */
    char cpus[256]; /* "0-3,8"; empty: wherever the system puts it */
} bt_instance;

typedef struct bt_placement {
    int count;
    bt_instance instances[BT_INSTANCES_MAX];
} bt_placement;

/* Reads a placement: "cuda:0,cuda:1" (one instance each), "cpu" (one, on whatever cores), "2x1" (on the CPU:
 * two instances of one thread each, on cores of their own out of `allowed`), "cpu:0-3,cpu:4-7" (on these
 * cores, a thread each). Entries may be parted by "+" as well, for where a comma ends the whole text. An
 * entry may be led by a model's name and "=": "hrnet=cuda:0,cbam_resunet=cuda:1"; those without are for every
 * model. Answers for `model`; count 0 where the text says nothing of it. BT_INVALID names the entry and what
 * would be right (cores that are not there, more threads than `allowed` has: a CPU quota is no bound to what
 * somebody asks for). */
BT_MUST_USE bt_status bt_placement_parse(bt_placement *out, const char *text, const char *model,
                                         const cpu_set_t *allowed, bt_error *error);

/* Threads that a placement runs on CPUs at a time, where one that is given none takes `cores`. */
int bt_placement_threads(const bt_placement *placement, int cores);

/* Where they are, for people: "cuda:0, cpu:0-3, cpu"; cut to size. */
void bt_placement_words(const bt_placement *placement, char *out, size_t size);

/* Numbers for so many instances, equal where they use the same hardware, directly or through others: a service lets those
 * take turns. Cores that nobody named are all of them. */
void bt_instances_number(int *devices, const bt_instance *const *instances, int count);

/* "0-3,8" to a set. BT_INVALID where it is no such list. */
BT_MUST_USE bt_status bt_cpus_parse(cpu_set_t *out, const char *text, bt_error *error);

/* Keeps the calling thread, and threads that it starts from now on, on these cores; "" changes nothing.
 * BT_INVALID where they are not this process's to use. Bind before a session is opened: its pool inherits
 * it. */
BT_MUST_USE bt_status bt_cpus_bind(const char *cpus, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
