#include "backend/cuda.h"

#include <ctype.h>
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"

/* Of the driver's interface (cuda.h, stable since CUDA 3.2), as much as is asked here. */
typedef int (*driver_count)(int *count);
typedef int (*driver_handle)(int *device, int index);
typedef int (*driver_text)(char *out, int size, int device);
typedef int (*driver_attribute)(int *value, int attribute, int device);
typedef int (*driver_memory)(size_t *bytes, int device);
typedef int (*driver_init)(unsigned flags);

enum { ATTRIBUTE_CAPABILITY_MAJOR = 75, ATTRIBUTE_CAPABILITY_MINOR = 76 };
enum { ERROR_NO_DEVICE = 100, ERROR_VERSION_MISMATCH = 803, ERROR_COMPATIBILITY = 804 };

static struct {
    pthread_once_t once;
    driver_count get_version, get_count;
    driver_handle get_device;
    driver_text get_name, get_pci_id;
    driver_attribute get_attribute;
    driver_memory get_memory;
    int result;  /* of cuInit */
    int version; /* of CUDA, that the driver serves */
    int device_count;
    char path[PATH_MAX];
    const char *fault; /* NULL where devices can be asked about */
} driver = {.once = PTHREAD_ONCE_INIT};

static bool look_up_all(void *library, driver_init *init) {
    return bt_library_symbol(library, "cuInit", init) &&
           bt_library_symbol(library, "cuDriverGetVersion", &driver.get_version) &&
           bt_library_symbol(library, "cuDeviceGetCount", &driver.get_count) &&
           bt_library_symbol(library, "cuDeviceGet", &driver.get_device) &&
           bt_library_symbol(library, "cuDeviceGetName", &driver.get_name) &&
           bt_library_symbol(library, "cuDeviceGetPCIBusId", &driver.get_pci_id) &&
           bt_library_symbol(library, "cuDeviceGetAttribute", &driver.get_attribute) &&
           bt_library_symbol(library, "cuDeviceTotalMem_v2", &driver.get_memory);
}

static const char *init_fault(int result) {
    switch (result) {
    case ERROR_NO_DEVICE:
        return "the NVIDIA driver sees no CUDA device: check nvidia-smi and CUDA_VISIBLE_DEVICES";
    case ERROR_VERSION_MISMATCH:
        return "the NVIDIA driver in the kernel and its libcuda.so.1 are of different versions: reboot, or "
               "install them "
               "from one release";
    case ERROR_COMPATIBILITY:
        return "libcuda.so.1 is a compatibility library that this GPU does not take: use the driver's own";
    default:
        return "the NVIDIA driver does not start: check nvidia-smi";
    }
}

/* The links of a library's name end at the file that says its version. */
static void note_path(void *library) {
    const struct link_map *loaded;
    if (dlinfo(library, RTLD_DI_LINKMAP, (void *)&loaded) != 0 || !realpath(loaded->l_name, driver.path))
        driver.path[0] = '\0';
}

static void load_driver(void) {
    driver_init init;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        driver.fault = "no NVIDIA driver on this machine (libcuda.so.1): install one, or use --device cpu";
        return;
    }
    note_path(library);
    if (!look_up_all(library, &init)) {
        driver.fault =
            "libcuda.so.1 lacks functions that every driver since CUDA 3.2 has: reinstall the NVIDIA driver";
        return;
    }
    driver.result = init(0);
    if (driver.result == 0) driver.result = driver.get_version(&driver.version);
    if (driver.result == 0) driver.result = driver.get_count(&driver.device_count);
    if (driver.result == 0 && driver.device_count == 0) driver.result = ERROR_NO_DEVICE;
    if (driver.result != 0) driver.fault = init_fault(driver.result);
}

const char *bt_cuda_library(void) {
    pthread_once(&driver.once, load_driver);
    return driver.path;
}

bt_status bt_cuda_index(int *index, const char *device, bt_error *error) {
    *index = -1;
    if (device && strcmp(device, "cpu") == 0) return BT_OK;
    const char *digits = device && strncmp(device, "cuda:", 5) == 0 ? device + 5 : "";
    char *end;
    long number = strtol(digits, &end, 10);
    if (!isdigit((unsigned char)*digits) || *end ||
        number > 127) /* libtorch counts devices in a signed byte */
        return bt_fail(error, BT_INVALID, "unknown device '%.40s': give cpu or cuda:N", device ? device : "");
    *index = (int)number;
    return BT_OK;
}

bt_status bt_cuda_count(int *count, bt_error *error) {
    pthread_once(&driver.once, load_driver);
    *count = driver.device_count;
    if (!driver.fault) return BT_OK;
    if (driver.result == 0) return bt_fail(error, BT_UNSUPPORTED, "%s", driver.fault);
    return bt_fail(error, BT_UNSUPPORTED, "%s (CUDA error %d)", driver.fault, driver.result);
}

bt_status bt_cuda_describe(bt_cuda_device *device, int index, bt_error *error) {
    int count, handle = 0;
    size_t bytes = 0;
    memset(device, 0, sizeof *device);
    bt_status status = bt_cuda_count(&count, error);
    if (status != BT_OK) return status;
    if (index < 0 || index >= count)
        return bt_fail(error, BT_UNSUPPORTED, "cuda:%d: this machine's CUDA devices are cuda:0 to cuda:%d",
                       index, count - 1);
    int result = driver.get_device(&handle, index);
    if (result == 0) result = driver.get_name(device->name, sizeof device->name, handle);
    if (result == 0) result = driver.get_pci_id(device->pci_id, sizeof device->pci_id, handle);
    if (result == 0) result = driver.get_attribute(&device->major, ATTRIBUTE_CAPABILITY_MAJOR, handle);
    if (result == 0) result = driver.get_attribute(&device->minor, ATTRIBUTE_CAPABILITY_MINOR, handle);
    if (result == 0) result = driver.get_memory(&bytes, handle);
    device->driver_version = driver.version;
    device->total_bytes = (int64_t)bytes;
    if (result != 0)
        return bt_fail(error, BT_UNSUPPORTED, "cuda:%d does not answer (CUDA error %d): check nvidia-smi",
                       index, result);
    return BT_OK;
}
