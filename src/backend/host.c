#include "backend/host.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void bt_host_describe(char *out, size_t size) {
    char line[256];
    snprintf(out, size, "cpu");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        char *name = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (!name) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(out, size, "cpu: %.100s", name + 1 + strspn(name + 1, " "));
        break;
    }
    fclose(file);
}

void bt_host_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

bt_status bt_host_memory_reset(bt_error *error) {
    bt_host_trim();
    return bt_memory_peak_reset(error);
}

bt_memory bt_host_memory(int64_t before_bytes) {
    return (bt_memory){.total_bytes = bt_memory_limit_bytes(),
                       .used_peak_bytes = bt_memory_peak_bytes(),
                       .before_bytes = before_bytes};
}
