#include "image/contours.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "../../shim/contours.h"
#include "base/library.h"
#include "base/text.h"

#define LIBRARY "libbatchtune_contours.so"

/* Loaded once and kept. */
static struct {
    pthread_mutex_t lock;
    bt_contours_find_function find;
    bt_contours_free_function free;
} loaded = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bt_status load(bt_error *error) {
    char path[PATH_MAX];
    bt_status status = bt_library_find(path, sizeof path, LIBRARY, error);
    if (status != BT_OK) return bt_fail_at(error, status, "no polygons: run `make core`");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return bt_fail(error, BT_UNSUPPORTED, "no polygons: OpenCV does not load; run `make deps-core` (%s)",
                       bt_text_load_error());
    bt_contours_find_function find;
    if (bt_library_symbol(library, "bt_contours_find", &find) &&
        bt_library_symbol(library, "bt_contours_free", &loaded.free)) {
        loaded.find = find;
        return BT_OK;
    }
    dlclose(library);
    return bt_fail(error, BT_UNSUPPORTED, "%s is not batchtune's: run `make core` again", path);
}

bt_status bt_borders_find(bt_borders *out, const uint8_t *mask, int height, int width, bt_error *error) {
    *out = (bt_borders){0};
    pthread_mutex_lock(&loaded.lock);
    bt_status status = loaded.find ? BT_OK : load(error);
    pthread_mutex_unlock(&loaded.lock);
    return status == BT_OK ? loaded.find(BT_CONTOURS_ABI, mask, height, width, out, error) : status;
}

void bt_borders_close(bt_borders *borders) {
    if (borders->owner) loaded.free(borders);
}
