#include "backend/library.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bt_status bt_library_find(char *path, size_t path_size, const char *name, bt_error *error) {
    static const char *const folders[] = {"../lib", "../../lib"};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return bt_fail(error, BT_UNSUPPORTED, "%s: cannot tell where this program lies", name);
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash) *slash = '\0';
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        int written = snprintf(path, path_size, "%s/%s/%s", program, folders[i], name);
        if (written > 0 && (size_t)written < path_size && access(path, R_OK) == 0) return BT_OK;
    }
    return bt_fail(error, BT_UNSUPPORTED, "%s not found in ../lib or ../../lib of %s", name, program);
}
