/* The GPU's own account of its load, by NVML, which is loaded only where a GPU is. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

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
} nvml = {.once = PTHREAD_ONCE_INIT};

/* Never unloaded: it may be asked again at any time. */
static void load(void) {
    void *library = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!library) return;
    nvml.works = bt_library_symbol(library, "nvmlInit_v2", &nvml.init) &&
                 bt_library_symbol(library, "nvmlDeviceGetHandleByPciBusId_v2", &nvml.by_pci) &&
                 bt_library_symbol(library, "nvmlDeviceGetUtilizationRates", &nvml.utilisation) &&
                 bt_library_symbol(library, "nvmlDeviceGetMemoryInfo", &nvml.memory) && nvml.init() == 0;
}

bt_status bt_cuda_read_load(bt_cuda_load *out, int index, bt_error *error) {
    bt_cuda_device described;
    nvml_device device;
    nvml_utilisation utilisation;
    nvml_memory memory;
    bt_status status = bt_cuda_describe(&described, index, error);
    if (status != BT_OK) return status;
    pthread_once(&nvml.once, load);
    if (!nvml.works || nvml.by_pci(described.pci_id, &device) != 0 || nvml.memory(device, &memory) != 0)
        return bt_fail(error, BT_UNSUPPORTED, "NVML does not answer for cuda:%d", index);
    if (nvml.utilisation(device, &utilisation) != 0) utilisation.gpu = 0;
    *out = (bt_cuda_load){.utilisation = utilisation.gpu / 100.0,
                          .used_bytes = (int64_t)memory.used,
                          .total_bytes = (int64_t)memory.total};
    return BT_OK;
}
