#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX], before[PATH_MAX];

int bt_scratch_enter(void **state) {
    (void)state;
    const char *place = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/batchtune-test-XXXXXX", place && *place ? place : P_tmpdir);
    if (!getcwd(before, sizeof before) || !mkdtemp(folder) || chmod(folder, 0755) != 0) return -1;
    return chdir(folder);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    return remove(path);
}

int bt_scratch_leave(void **state) {
    (void)state;
    if (chdir(before) != 0) return -1;
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void bt_scratch_put(const char *root, const char *path, const char *text) {
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *at = full + 1; *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        if (mkdir(full, 0700) != 0 && errno != EEXIST) abort();
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    if (!file || fputs(text, file) == EOF || fclose(file) != 0) abort();
}

int bt_scratch_open_files(void) {
    int count = 0;
    DIR *open_now = opendir("/proc/self/fd");
    if (!open_now) abort();
    while (readdir(open_now))
        count++;
    closedir(open_now);
    return count;
}
