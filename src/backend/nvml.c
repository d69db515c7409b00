/* The GPU's own account of its load and its driver, by NVML, which is loaded only where a GPU is; and what
 * libcuda knows of them where NVML is not to be had. */
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/library.h"

/* The few types of nvml.h that are used, as NVIDIA's reference describes them. */
typedef void *nvml_device;
typedef struct nvml_utilisation {
    unsigned gpu, memory; /* percent */
} nvml_utilisation;
typedef struct nvml_memory {
    unsigned long long total, free, used;
} nvml_memory;

static struct {
    pthread_once_t once;
    bool works;
    int (*init)(void);
    int (*by_pci)(const char *pci_id, nvml_device *device);
    int (*utilisation)(nvml_device device, nvml_utilisation *out);
    int (*memory)(nvml_device device, nvml_memory *out);
    int (*driver)(char *version, unsigned size);
} nvml = {.once = PTHREAD_ONCE_INIT};

/* "580.65.06" of ".../libcuda.so.580.65.06"; "" of "libcuda.so.1". */
static const char *version_of(const char *path) {
    static const char name[] = "libcuda.so.";
    const char *at = strstr(path, name), *version = at ? at + sizeof name - 1 : "";
    return strchr(version, '.') && version[strspn(version, "0123456789.")] == '\0' && atoi(version) >= 100
               ? version
               : "";
}

/* By its usual names, else beside libcuda, under the driver's version too: a container may have the one file
 * and none of the links. */
static void *open_library(void) {
    static const char *const names[] = {"libnvidia-ml.so.1", "libnvidia-ml.so"};
    const char *cuda = bt_cuda_library(), *slash = strrchr(cuda, '/'), *version = version_of(cuda);
    char path[PATH_MAX];
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++) {
        library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
        if (library || !slash) continue;
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - cuda), cuda, names[i]);
        library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    }
    if (library || !*version) return library;
    snprintf(path, sizeof path, "%.*s/libnvidia-ml.so.%s", (int)(slash - cuda), cuda, version);
    return dlopen(path, RTLD_LAZY | RTLD_LOCAL);
}

/* Never unloaded: it may be asked again at any time. */
static void load(void) {
    void *library = open_library();
    if (!library) return;
    nvml.works = bt_library_symbol(library, "nvmlInit_v2", &nvml.init) &&
                 bt_library_symbol(library, "nvmlDeviceGetHandleByPciBusId_v2", &nvml.by_pci) &&
                 bt_library_symbol(library, "nvmlDeviceGetUtilizationRates", &nvml.utilisation) &&
                 bt_library_symbol(library, "nvmlDeviceGetMemoryInfo", &nvml.memory) &&
                 bt_library_symbol(library, "nvmlSystemGetDriverVersion", &nvml.driver) && nvml.init() == 0;
}

/* ---- load ---- */

bt_status bt_cuda_read_load(bt_cuda_load *out, int index, bt_error *error) {
    bt_cuda_device described;
    nvml_device device;
    nvml_utilisation utilisation;
    nvml_memory memory;
    bt_status status = bt_cuda_describe(&described, index, error);
    if (status != BT_OK) return status;
    *out = (bt_cuda_load){.utilisation = NAN, .total_bytes = described.total_bytes};
    pthread_once(&nvml.once, load);
    if (!nvml.works || nvml.by_pci(described.pci_id, &device) != 0) return BT_OK;
    if (nvml.utilisation(device, &utilisation) == 0) out->utilisation = utilisation.gpu / 100.0;
    if (nvml.memory(device, &memory) != 0) return BT_OK;
    out->used_bytes = (int64_t)memory.used;
    out->total_bytes = (int64_t)memory.total;
    return BT_OK;
}

/* ---- a machine's facts ---- */

void bt_cuda_fill_driver(char *version, size_t size) {
    bt_cuda_device device;
    bt_error ignored;
    if (version[0] || bt_cuda_describe(&device, 0, &ignored) != BT_OK) return;
    pthread_once(&nvml.once, load);
    if (nvml.works && nvml.driver(version, (unsigned)size) == 0 && version[0]) return;
    const char *of_file = version_of(bt_cuda_library());
    if (*of_file)
        snprintf(version, size, "%s", of_file);
    else
        snprintf(version, size, "CUDA %d.%d", device.driver_version / 1000,
                 device.driver_version % 1000 / 10);
}

void bt_cuda_fill_machine(bt_machine *machine) {
    bt_cuda_device first, device;
    bt_error ignored;
    if (bt_cuda_describe(&first, 0, &ignored) != BT_OK) return;
    if (machine->gpu[0] == '\0' || strcmp(machine->gpu, "unknown") == 0)
        snprintf(machine->gpu, sizeof machine->gpu, "%s", first.name);
    device = first;
    for (int i = 1; strcmp(device.name, machine->gpu) != 0; i++)
        if (bt_cuda_describe(&device, i, &ignored) != BT_OK) break;
    machine->gpu_memory_bytes = device.total_bytes > 0 ? device.total_bytes : first.total_bytes;
    bt_machine_seal(machine);
}
