#include "plan/cuda.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/library.h"
#include "base/text.h"

#define LIBRARY_NAME "libbatchtune_cuda.so"

/* Loaded once and kept: the contexts that it makes on devices stay too. */
static struct {
    pthread_mutex_t lock;
    const bt_cuda_table *table;
} loaded = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bt_status load(const bt_cuda_table **out, bt_error *error) {
    char path[PATH_MAX];
    const bt_cuda_table *(*table)(void);
    if (bt_library_find(path, sizeof path, LIBRARY_NAME, error) != BT_OK)
        return bt_fail(error, BT_UNSUPPORTED,
                       "the GPU's kernels are not built (%s): install CUDA's nvcc and run `make`",
                       LIBRARY_NAME);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library || !bt_library_symbol(library, "bt_cuda_device_table", &table))
        return bt_fail(error, BT_UNSUPPORTED, "the GPU's kernels do not load: run `make` again (%s)",
                       bt_text_load_error());
    if (table()->abi != BT_CUDA_ABI)
        return bt_fail(error, BT_UNSUPPORTED,
                       "the GPU's kernels have interface %d, this program needs %d: run `make` again",
                       table()->abi, BT_CUDA_ABI);
    *out = table();
    return BT_OK;
}

void bt_cuda_use_table(const bt_cuda_table *table) {
    pthread_mutex_lock(&loaded.lock);
    loaded.table = table;
    pthread_mutex_unlock(&loaded.lock);
}

static bt_status use_table(const bt_cuda_table **out, bt_error *error) {
    pthread_mutex_lock(&loaded.lock);
    bt_status status = loaded.table ? BT_OK : load(&loaded.table, error);
    *out = loaded.table;
    pthread_mutex_unlock(&loaded.lock);
    return status;
}

bt_status bt_cuda_open(bt_cuda **out, int index, const char *libraries, bt_error *error) {
    const bt_cuda_table *table;
    *out = NULL;
    bt_status status = use_table(&table, error);
    if (status != BT_OK) return status;
    bt_cuda *cuda = calloc(1, sizeof *cuda);
    if (!cuda) return bt_no_memory(error, "a plan");
    cuda->table = table;
    if (table->open(&cuda->context, index, libraries) == 0) {
        *out = cuda;
        return BT_OK;
    }
    bt_fail(error, BT_UNSUPPORTED, "cuda:%d: %s", index, table->fault(cuda->context));
    bt_cuda_close(&cuda);
    return BT_UNSUPPORTED;
}

void bt_cuda_close(bt_cuda **cuda) {
    if (!cuda || !*cuda) return;
    (*cuda)->table->close((*cuda)->context);
    free(*cuda);
    *cuda = NULL;
}

bt_status bt_cuda_result(const bt_cuda *cuda, int code, bt_error *error) {
    if (code == 0) return BT_OK;
    return bt_fail(error, code == BT_CUDA_OUT_OF_MEMORY ? BT_OUT_OF_DEVICE_MEMORY : BT_BACKEND, "GPU: %s",
                   cuda->table->fault(cuda->context));
}

bt_status bt_cuda_copy(const bt_cuda *cuda, void **out, const void *values, size_t bytes, bt_error *error) {
    int code = cuda->table->allocate(cuda->context, out, bytes);
    if (code == 0) code = cuda->table->up(cuda->context, *out, values, bytes);
    if (code == 0) code = cuda->table->wait(cuda->context);
    bt_status status = bt_cuda_result(cuda, code, error);
    if (status != BT_OK) {
        cuda->table->release(cuda->context, *out);
        *out = NULL;
    }
    return status;
}
