/* Loaded before a program (LD_PRELOAD, by tests/under-locale), this does what a host program with a user's
 * locale does at its start. batchtune's own programs never do: without it they would run in "C" whatever
 * LC_ALL says. Programs that are neither theirs (below BATCHTUNE_PROGRAMS) nor a Python know what
 * they want. */
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_host(void) {
    char program[PATH_MAX] = "";
    const char *ours = getenv("BATCHTUNE_PROGRAMS");
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0 || !ours) return 0;
    const char *slash = strrchr(program, '/');
    return strncmp(program, ours, strlen(ours)) == 0 || (slash && strncmp(slash + 1, "python", 6) == 0);
}

__attribute__((constructor)) static void begin(void) {
    if (!is_host() || setlocale(LC_ALL, "")) return;
    fputs("preload-locale: the environment's locale is not there\n", stderr);
    abort();
}
