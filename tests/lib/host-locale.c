#include "host-locale.h"

#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Into a folder of its own, and then the C library looks there first: it remembers where it found nothing.
 * localedef's exit status counts warnings; whether it worked is seen when the locale is set. */
static void build(const char *name) {
    char here[PATH_MAX], command[3 * PATH_MAX];
    const char *others = getenv("LOCPATH");
    if (!getcwd(here, sizeof here)) return;
    snprintf(command, sizeof command,
             "name=%s; mkdir -p \"built-$name\"; "
             "localedef -c -i \"${name%%.*}\" -f \"${name#*.}\" \"built-$name/$name\" >localedef.log 2>&1",
             name);
    if (system(command) < 0) return;
    snprintf(command, sizeof command, "%s/built-%s%s%s", here, name, others ? ":" : "", others ? others : "");
    setenv("LOCPATH", command, 1);
}

bool bt_host_locale_set(const char *name) {
    if (setlocale(LC_ALL, name)) return true;
    build(name);
    return setlocale(LC_ALL, name) != NULL;
}

int bt_host_locale_leave(void **state) {
    (void)state;
    return setlocale(LC_ALL, "C") ? 0 : -1;
}
