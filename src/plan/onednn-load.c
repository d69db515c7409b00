/* Loading oneDNN. */
#include "plan/onednn.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)

#include <dlfcn.h>
#include <stdio.h>

#include "base/library.h"
#include "base/text.h"
#include "plan/onednn-library.h"

#define LIBRARY "libdnnl.so.2"
#define REMEDY  "run `make deps`, or install libdnnl2"

bt_onednn bt_onednn_library = {.lock = PTHREAD_MUTEX_INITIALIZER};

static dnnl_cpu_isa_t isa_of(bt_cpu_level level) {
    switch (level) {
    case BT_CPU_PORTABLE:
        return dnnl_cpu_isa_sse41;
    case BT_CPU_AVX2:
        return dnnl_cpu_isa_avx2_vnni; /* AVX2 where there is no VNNI */
    case BT_CPU_AVX512:
        return dnnl_cpu_isa_avx512_core_vnni;
    default:
        return dnnl_cpu_isa_all;
    }
}

static bt_status find_functions(void *library, bt_error *error) {
#define FIND(function)                                                                                       \
    if (!bt_library_symbol(library, "dnnl_" #function, &lib.function))                                       \
        return bt_fail(error, BT_UNSUPPORTED, LIBRARY " has no dnnl_" #function ": " REMEDY);
    FUNCTIONS(FIND)
    return BT_OK;
}

static bt_status load(bt_cpu_level level, bt_error *error) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return bt_fail(error, BT_UNSUPPORTED, "oneDNN does not load: " REMEDY " (%s)", bt_text_load_error());
    bt_status status = find_functions(library, error);
    if (status != BT_OK) return status;
    const dnnl_version_t *version = lib.version();
    snprintf(lib.text, sizeof lib.text, "%d.%d.%d", version->major, version->minor, version->patch);
    if (version->major != DNNL_VERSION_MAJOR || version->minor < DNNL_VERSION_MINOR)
        return bt_fail(error, BT_UNSUPPORTED, "oneDNN %s is not the %d.%d that this was built for: " REMEDY,
                       lib.text, DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR);
    lib.set_max_cpu_isa(isa_of(level)); /* too late only where somebody else used this library before */
    if (lib.engine_create(&lib.engine, dnnl_cpu, 0) != dnnl_success ||
        lib.stream_create(&lib.stream, lib.engine, dnnl_stream_default_flags) != dnnl_success)
        return bt_fail(error, BT_UNSUPPORTED, "oneDNN %s makes no engine on this CPU", lib.text);
    lib.ready = true;
    return BT_OK;
}

bt_status bt_onednn_load(bt_cpu_level level, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&lib.lock);
    if (!lib.ready) status = load(level, error);
    pthread_mutex_unlock(&lib.lock);
    return status;
}

const char *bt_onednn_version(void) {
    return lib.text;
}

#endif
