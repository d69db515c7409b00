#include "record/fingerprint.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "base/fields.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "base/version.h"
#include "record/parts.h"

#define UNKNOWN "unknown"
#define GIB     (1LL << 30)

/* ---- reading this machine ---- */

/* Copies without the spaces around; cut to size. */
static void put_trimmed(char *out, size_t size, const char *text) {
    text += strspn(text, " \t");
    size_t length = strcspn(text, "\n");
    while (length > 0 && strchr(" \t", text[length - 1]))
        length--;
    snprintf(out, size, "%.*s", (int)length, text);
}

/* What follows the colon on the first line of `root` + `file` that starts with `key` and says something;
 * false where there is none. */
static bool read_line(const char *root, const char *file, const char *key, char *out, size_t size) {
    char path[PATH_MAX], line[4096];
    snprintf(path, sizeof path, "%s%s", root, file);
    FILE *stream = fopen(path, "re");
    if (!stream) return false;
    bool found = false;
    while (!found && fgets(line, sizeof line, stream)) {
        size_t length = strlen(key);
        if (strncmp(line, key, length) != 0) continue;
        const char *value = line + length + strspn(line + length, " \t");
        if (*value != ':' && length > 0) continue;
        put_trimmed(out, size, length > 0 ? value + 1 : line);
        found = *out != '\0';
    }
    fclose(stream);
    return found;
}

static void read_gpu(const char *root, char *out, size_t size) {
    char folder[PATH_MAX], file[PATH_MAX], first[NAME_MAX + 1] = "";
    snprintf(folder, sizeof folder, "%s/proc/driver/nvidia/gpus", root);
    DIR *gpus = opendir(folder);
    *out = '\0';
    if (!gpus) return;
    for (struct dirent *entry; (entry = readdir(gpus));) /* the order is the kernel's: take the lowest bus */
        if (entry->d_name[0] != '.' && (!*first || strcmp(entry->d_name, first) < 0))
            snprintf(first, sizeof first, "%s", entry->d_name);
    closedir(gpus);
    if (!*first) return;
    snprintf(file, sizeof file, "/proc/driver/nvidia/gpus/%s/information", first);
    if (!read_line(root, file, "Model", out, size)) snprintf(out, size, "%s", UNKNOWN);
}

void bt_gpu_driver_read_under(const char *root, char *out, size_t size) {
    char line[512], *rest = NULL;
    *out = '\0';
    if (!read_line(root, "/proc/driver/nvidia/version", "NVRM version", line, sizeof line) &&
        !read_line(root, "/sys/module/nvidia/version", "", line, sizeof line))
        return;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (!strchr(word, '.') || word[strspn(word, "0123456789.")]) continue;
        snprintf(out, size, "%s", word);
        return;
    }
}

void bt_subject_read(bt_subject *subject) {
    snprintf(subject->tool_version, sizeof subject->tool_version, "%s", bt_version());
    snprintf(subject->revision, sizeof subject->revision, "%s", bt_revision());
    bt_gpu_driver_read_under("", subject->gpu_driver, sizeof subject->gpu_driver);
}

void bt_machine_read_under(const char *root, bt_machine *machine) {
    memset(machine, 0, sizeof *machine);
    if (!read_line(root, "/proc/cpuinfo", "model name", machine->cpu, sizeof machine->cpu))
        snprintf(machine->cpu, sizeof machine->cpu, "%s", UNKNOWN);
    const bt_cores cores = bt_cores_read_under(root);
    machine->cores = cores.cpus > 0 ? cores.count : 0;
    machine->cpu_quota = cores.quota;
    machine->memory_bytes = bt_memory_limit_bytes_under(root);
    if (!read_line(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "", machine->clock_policy,
                   sizeof machine->clock_policy))
        snprintf(machine->clock_policy, sizeof machine->clock_policy, "%s", UNKNOWN);
    read_gpu(root, machine->gpu, sizeof machine->gpu);
    bt_machine_seal(machine);
}

void bt_machine_read(bt_machine *machine) {
    bt_machine_read_under("", machine);
}

static long long gibibytes(int64_t bytes) {
    return (long long)(bytes / GIB + (bytes % GIB >= GIB / 2));
}

/* 0 none, -1 unknown. */
static long long thousandths(double quota) {
    return isnan(quota) ? -1 : llround(quota * 1e3);
}

void bt_machine_seal(bt_machine *machine) {
    char facts[512];
    int length = snprintf(facts, sizeof facts, "%s|%d|%lld|%s|%s", machine->cpu, machine->cores,
                          gibibytes(machine->memory_bytes), machine->clock_policy, machine->gpu);
    if (machine->cpu_quota > 0) /* those of before have none */
        length += snprintf(facts + length, sizeof facts - (size_t)length, "|quota %lld",
                           thousandths(machine->cpu_quota));
    snprintf(machine->fingerprint, sizeof machine->fingerprint, "%016" PRIx64,
             bt_fnv1a64(BT_FNV_START, facts, (size_t)length));
}

void bt_machine_cores(const bt_machine *machine, char out[BT_MACHINE_CORES_SIZE]) {
    int used =
        snprintf(out, BT_MACHINE_CORES_SIZE, "%d core%s", machine->cores, machine->cores == 1 ? "" : "s");
    if (machine->cpu_quota > 0)
        bt_text_format(out + used, BT_MACHINE_CORES_SIZE - (size_t)used, " (CPU quota %.3g)",
                       machine->cpu_quota);
}

/* ---- differences ---- */

typedef struct phrases {
    char *out;
    size_t size, used;
    int count;
} phrases;

static void add_phrase(phrases *list, const char *format, ...) BT_PRINTF(2, 3);
static void add_phrase(phrases *list, const char *format, ...) {
    char phrase[640];
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(phrase, sizeof phrase, format, arguments);
    va_end(arguments);
    list->count++;
    if (list->used + 1 >= list->size) return;
    size_t room = list->size - list->used;
    int length = snprintf(list->out + list->used, room, "%s%s", list->count > 1 ? "; " : "", phrase);
    list->used += (size_t)length < room ? (size_t)length : room - 1;
}

static phrases start_phrases(char *out, int size) {
    if (size > 0) *out = '\0';
    return (phrases){.out = out, .size = size > 0 ? (size_t)size : 0};
}

static bool known(const char *text) {
    return *text && strcmp(text, UNKNOWN) != 0;
}

/* What one side does not know is no difference. */
static void compare_texts(phrases *list, const char *what, const char *recorded, const char *here) {
    if (known(recorded) && known(here) && strcmp(recorded, here) != 0)
        add_phrase(list, "%s: %s, here %s", what, recorded, here);
}

/* A GPU or its driver that only one side has is a difference, unlike a fact that could not be read. */
static void compare_presence(phrases *list, const char *what, const char *recorded, const char *here) {
    if (*recorded && *here)
        compare_texts(list, what, recorded, here);
    else if (*recorded || *here)
        add_phrase(list, "%s: %s, here %s", what, *recorded ? recorded : "none", *here ? here : "none");
}

static void compare_memory(phrases *list, const char *what, int64_t recorded, int64_t here) {
    if (recorded && here && gibibytes(recorded) != gibibytes(here))
        add_phrase(list, "%s: %lld GiB, here %lld GiB", what, gibibytes(recorded), gibibytes(here));
}

static void compare_quotas(phrases *list, double recorded, double here) {
    char texts[2][32] = {"none", "none"};
    if (isnan(recorded) || isnan(here) || thousandths(recorded) == thousandths(here)) return;
    if (recorded > 0) bt_text_format(texts[0], sizeof texts[0], "%.3g", recorded);
    if (here > 0) bt_text_format(texts[1], sizeof texts[1], "%.3g", here);
    add_phrase(list, "CPU quota: %s, here %s", texts[0], texts[1]);
}

int bt_machine_differences(const bt_machine *recorded, const bt_machine *here, char *out, int size) {
    phrases list = start_phrases(out, size);
    compare_texts(&list, "CPU", recorded->cpu, here->cpu);
    if (recorded->cores && here->cores && recorded->cores != here->cores)
        add_phrase(&list, "cores: %d, here %d", recorded->cores, here->cores);
    compare_quotas(&list, recorded->cpu_quota, here->cpu_quota);
    compare_memory(&list, "memory", recorded->memory_bytes, here->memory_bytes);
    compare_texts(&list, "clock policy", recorded->clock_policy, here->clock_policy);
    compare_presence(&list, "GPU", recorded->gpu, here->gpu);
    compare_memory(&list, "GPU memory", recorded->gpu_memory_bytes, here->gpu_memory_bytes);
    return list.count;
}

int bt_subject_differences(const bt_subject *recorded, const bt_subject *here, char *out, int size) {
    phrases list = start_phrases(out, size);
    compare_texts(&list, "batchtune", recorded->tool_version, here->tool_version);
    compare_texts(&list, "revision", recorded->revision, here->revision);
    compare_texts(&list, "runtime", recorded->runtime, here->runtime);
    compare_texts(&list, "runtime's build", recorded->runtime_detail, here->runtime_detail);
    compare_presence(&list, "GPU driver", recorded->gpu_driver, here->gpu_driver);
    return list.count;
}

/* ---- JSON ---- */

static const bt_field machine_fields[] = {
    {BT_FIELD(TEXT, bt_machine, fingerprint)},
    {BT_FIELD(TEXT, bt_machine, cpu)},
    {BT_FIELD(INTEGER, bt_machine, cores)},
    {BT_FIELD(BIG, bt_machine, memory_bytes)},
    {BT_FIELD(TEXT, bt_machine, clock_policy)},
    {BT_FIELD(TEXT, bt_machine, gpu)},
    {BT_FIELD(BIG, bt_machine, gpu_memory_bytes)},
    {BT_FIELD(AMOUNT, bt_machine, cpu_quota), .optional = true},
};

static const bt_field subject_fields[] = {
    {BT_FIELD(TEXT, bt_subject, tool_version)}, {BT_FIELD(TEXT, bt_subject, revision)},
    {BT_FIELD(TEXT, bt_subject, runtime)},      {BT_FIELD(TEXT, bt_subject, runtime_detail)},
    {BT_FIELD(TEXT, bt_subject, gpu_driver)},
};

json_t *bt_machine_to_json(const bt_machine *machine) {
    return bt_fields_to_json(BT_FIELDS(machine_fields), machine);
}

json_t *bt_subject_to_json(const bt_subject *subject) {
    return bt_fields_to_json(BT_FIELDS(subject_fields), subject);
}

bt_status bt_machine_from_json(const json_t *object, bt_machine *machine, const char *where,
                               bt_error *error) {
    machine->cpu_quota = NAN;
    return bt_fields_read(BT_FIELDS(machine_fields), object, machine, where, error);
}

bt_status bt_subject_from_json(const json_t *object, bt_subject *subject, const char *where,
                               bt_error *error) {
    return bt_fields_read(BT_FIELDS(subject_fields), object, subject, where, error);
}

int bt_fingerprint_write(json_t *top, const bt_machine *machine, const bt_subject *subject) {
    const int failed = json_object_set_new(top, "machine", bt_machine_to_json(machine));
    return failed ? failed : json_object_set_new(top, "subject", bt_subject_to_json(subject));
}

bt_status bt_fingerprint_read(const json_t *top, bt_machine *machine, bt_subject *subject, const char *where,
                              bt_error *error) {
    char here[BT_WHERE_SIZE];
    json_t *part;
    bt_status status = bt_json_object(top, "machine", &part, where, error);
    bt_where_key(here, where, "machine");
    if (status == BT_OK) status = bt_machine_from_json(part, machine, here, error);
    if (status == BT_OK) status = bt_json_object(top, "subject", &part, where, error);
    bt_where_key(here, where, "subject");
    return status == BT_OK ? bt_subject_from_json(part, subject, here, error) : status;
}
