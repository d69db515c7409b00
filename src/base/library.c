#include "base/library.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder of a file, without its name; "" where there is none. */
static void folder_of(char *path) {
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    else
        path[0] = '\0';
}

static void program_folder(char folder[PATH_MAX]) {
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    folder[length > 0 ? length : 0] = '\0';
    folder_of(folder);
}

/* Of the file that this code is in: the shared library, or the program again where it is linked in. */
static void own_folder(char folder[PATH_MAX]) {
    Dl_info info;
    bool found = dladdr((const void *)&bt_library_find, &info) && info.dli_fname;
    snprintf(folder, PATH_MAX, "%s", found ? info.dli_fname : "");
    folder_of(folder);
}

bt_status bt_library_find(char *path, size_t path_size, const char *name, bt_error *error) {
    static const char *const places[] = {"/../lib", "/../../lib", "", "/../lib/batchtune", "/../batchtune"};
    char folders[2][PATH_MAX];
    program_folder(folders[0]);
    own_folder(folders[1]);
    for (size_t folder = 0; folder < 2; folder++)
        for (size_t i = 0; i < sizeof places / sizeof *places && folders[folder][0]; i++) {
            int written = snprintf(path, path_size, "%s%s/%s", folders[folder], places[i], name);
            if (written > 0 && (size_t)written < path_size && access(path, R_OK) == 0) return BT_OK;
        }
    return bt_fail(error, BT_UNSUPPORTED, "%s not found beside %.100s, or in ../lib or ../../lib of %.100s",
                   name, folders[1], folders[0]);
}

bool bt_library_symbol(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}
