#include "settings/placement.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define ENTRY_SIZE 256

int bt_placement_threads(const bt_placement *placement, int cores) {
    int threads = 0;
    for (int i = 0; i < placement->count; i++) {
        const bt_instance *instance = &placement->instances[i];
        if (strcmp(instance->device, "cpu") == 0)
            threads += instance->threads > 0 ? instance->threads : cores;
    }
    return threads;
}

void bt_placement_words(const bt_placement *placement, char *out, size_t size) {
    out[0] = '\0';
    for (int i = 0; i < placement->count; i++) {
        const bt_instance *instance = &placement->instances[i];
        bt_text_append(out, size, "%s%s%s%s", i ? ", " : "", instance->device, instance->cpus[0] ? ":" : "",
                       instance->cpus);
    }
}

bt_status bt_cpus_parse(cpu_set_t *out, const char *text, bt_error *error) {
    const char *at = text;
    CPU_ZERO(out);
    for (;;) {
        char *end;
        if (!isdigit((unsigned char)*at)) break;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-' && isdigit((unsigned char)end[1])) last = strtol(end + 1, &end, 10);
        if (last < first || last >= CPU_SETSIZE) break;
        for (long cpu = first; cpu <= last; cpu++)
            CPU_SET((size_t)cpu, out);
        if (*end == '\0') return BT_OK;
        if (*end != ',') break;
        at = end + 1;
    }
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(text, shown);
    return bt_fail(error, BT_INVALID, "%s is no list of cores such as 0-3,8", shown);
}

static bt_status fail_entry(const char *entry, bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(entry, shown);
    return bt_fail(error, BT_INVALID,
                   "%s is no place for instances; right are cuda:0, cpu, 2x1 (instances x threads), cpu:0-3",
                   shown);
}

static bt_status add(bt_placement *out, const char *device, int threads, const char *cpus, bt_error *error) {
    if (out->count == BT_INSTANCES_MAX)
        return bt_fail(error, BT_INVALID, "a model has at most %d instances", BT_INSTANCES_MAX);
    bt_instance *instance = &out->instances[out->count++];
    *instance = (bt_instance){.threads = threads};
    snprintf(instance->device, sizeof instance->device, "%s", device);
    snprintf(instance->cpus, sizeof instance->cpus, "%s", cpus);
    return BT_OK;
}

/* "2x1": slices of the allowed cores, one after another. */
static bt_status add_slices(bt_placement *out, int instances, int threads, const cpu_set_t *allowed,
                            bt_error *error) {
    int cores = CPU_COUNT(allowed), cpu = -1;
    long long needed = (long long)instances * threads;
    if (instances < 1 || threads < 1 || instances > BT_INSTANCES_MAX || needed > cores)
        return bt_fail(error, BT_INVALID,
                       "%dx%d: %d instances of %d threads need %lld cores, there are %d: give fewer",
                       instances, threads, instances, threads, needed, cores);
    for (int i = 0; i < instances; i++) {
        char cpus[sizeof((bt_instance *)0)->cpus];
        size_t used = 0;
        for (int t = 0; t < threads; t++) {
            do
                cpu++;
            while (!CPU_ISSET(cpu, allowed));
            if (used < sizeof cpus)
                used += (size_t)snprintf(cpus + used, sizeof cpus - used, "%s%d", t ? "," : "", cpu);
        }
        if (used >= sizeof cpus)
            return bt_fail(error, BT_INVALID, "%dx%d: too many cores in one instance to be listed", instances,
                           threads);
        bt_status status = add(out, "cpu", threads, cpus, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

static bt_status add_cpus(bt_placement *out, const char *list, const cpu_set_t *allowed, bt_error *error) {
    cpu_set_t cpus, both;
    bt_status status = bt_cpus_parse(&cpus, list, error);
    if (status != BT_OK) return status;
    CPU_AND(&both, &cpus, allowed);
    if (!CPU_EQUAL(&both, &cpus))
        return bt_fail(
            error, BT_INVALID,
            "cpu:%s names cores that this process may not use; `taskset -cp $$` tells those it may", list);
    return add(out, "cpu", CPU_COUNT(&cpus), list, error);
}

static bt_status add_entry(bt_placement *out, const char *entry, const cpu_set_t *allowed, bt_error *error) {
    int instances, threads, end = 0;
    if (sscanf(entry, "%dx%d%n", &instances, &threads, &end) == 2 && entry[end] == '\0')
        return add_slices(out, instances, threads, allowed, error);
    if (strcmp(entry, "cpu") == 0) return add(out, "cpu", 0, "", error);
    if (strncmp(entry, "cpu:", 4) == 0) return add_cpus(out, entry + 4, allowed, error);
    if (strncmp(entry, "cuda:", 5) == 0 && isdigit((unsigned char)entry[5]) &&
        entry[5 + strspn(entry + 5, "0123456789")] == '\0')
        return add(out, entry, 0, "", error);
    return fail_entry(entry, error);
}

/* An entry ends at a plus, or at a comma that is not within a list of cores: what follows that starts with a
 * digit and holds no 'x' goes on with the list. */
static size_t entry_length(const char *text) {
    size_t length = strcspn(text, ",+");
    const char *colon = memchr(text, ':', length);
    bool cores = colon && colon - text >= 3 && strncmp(colon - 3, "cpu", 3) == 0;
    while (cores && text[length] == ',' && isdigit((unsigned char)text[length + 1])) {
        size_t more = strcspn(text + length + 1, ",+");
        if (memchr(text + length + 1, 'x', more) || memchr(text + length + 1, '=', more)) break;
        length += 1 + more;
    }
    return length;
}

bt_status bt_placement_parse(bt_placement *out, const char *text, const char *model, const cpu_set_t *allowed,
                             bt_error *error) {
    out->count = 0;
    while (*text) {
        char entry[ENTRY_SIZE];
        size_t length = entry_length(text);
        if (length == 0 || length >= sizeof entry) return fail_entry(text, error);
        memcpy(entry, text, length);
        entry[length] = '\0';
        char *place = strchr(entry, '=');
        bool mine =
            !place || (strncmp(entry, model, (size_t)(place - entry)) == 0 && model[place - entry] == '\0');
        bt_placement unused = {0}; /* others' entries are checked all the same */
        bt_status status = add_entry(mine ? out : &unused, place ? place + 1 : entry, allowed, error);
        if (status != BT_OK) return status;
        text += length;
        if (*text && *++text == '\0') return fail_entry(text - 1, error);
    }
    return BT_OK;
}

static bool share(const bt_instance *a, const bt_instance *b) {
    cpu_set_t mine, theirs, both;
    bt_error ignored;
    bool on_cpu = strcmp(a->device, "cpu") == 0;
    if (strcmp(a->device, b->device) != 0) return false;
    if (!on_cpu || a->cpus[0] == '\0' || b->cpus[0] == '\0') return true;
    if (bt_cpus_parse(&mine, a->cpus, &ignored) != BT_OK ||
        bt_cpus_parse(&theirs, b->cpus, &ignored) != BT_OK)
        return true;
    CPU_AND(&both, &mine, &theirs);
    return CPU_COUNT(&both) > 0;
}

void bt_instances_number(int *devices, const bt_instance *const *instances, int count) {
    for (int i = 0; i < count; i++) {
        devices[i] = i;
        for (int j = 0; j < i; j++) {
            if (!share(instances[i], instances[j])) continue;
            const int from = devices[i], to = devices[j];
            for (int k = 0; k <= i; k++)
                if (devices[k] == from) devices[k] = to;
        }
    }
}

bt_status bt_cpus_bind(const char *cpus, bt_error *error) {
    cpu_set_t set;
    if (cpus[0] == '\0') return BT_OK;
    bt_status status = bt_cpus_parse(&set, cpus, error);
    if (status != BT_OK || pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0) return status;
    return bt_fail(error, BT_INVALID, "cores %s are not this process's to use", cpus);
}
