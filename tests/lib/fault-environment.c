/* Plants a fault in a whole program, by the environment:
 *
 *   FAULT="memory@17"       the 17th call of the kind fails ("memory@17+": and every one after it)
 *   FAULT="write@3=ENOSPC"  with that errno (EIO else); "=SHORT" moves one byte
 *   FAULT="flush@5=KILL"    or the program dies there (TORN: after half a write; INT: is interrupted)
 *   FAULT="files@0"         none fails
 *   FAULT_IN=probe-worker   only in the program of that name
 *   FAULT_COUNT=FILE        leaves the number of calls that were counted, and 1 where one failed, in FILE */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault-calls.h"

typedef struct named {
    const char *name;
    int value;
} named;

static int value_of(const named *table, const char *name, size_t length) {
    for (; table->name; table++)
        if (strlen(table->name) == length && strncmp(table->name, name, length) == 0) return table->value;
    fprintf(stderr, "FAULT: what is \"%.*s\"?\n", (int)length, name);
    exit(70);
}

static void leave_count(void) {
    bool struck;
    long count = faults_end(&struck);
    FILE *out = fopen(getenv("FAULT_COUNT"), "w");
    if (!out) return;
    fprintf(out, "%ld %d\n", count, struck);
    fclose(out);
}

__attribute__((constructor)) static void plant(void) {
    static const named kinds[] = {{"memory", FAULT_MEMORY},
                                  {"open", FAULT_OPEN},
                                  {"read", FAULT_READ},
                                  {"write", FAULT_WRITE},
                                  {"flush", FAULT_FLUSH},
                                  {"rename", FAULT_RENAME},
                                  {"close", FAULT_CLOSE},
                                  {"folder", FAULT_FOLDER},
                                  {"cut", FAULT_CUT},
                                  {"lock", FAULT_LOCK},
                                  {"thread", FAULT_THREAD},
                                  {"files", FAULT_FILES},
                                  {NULL, 0}};
    static const named causes[] = {{"EIO", EIO},
                                   {"ENOSPC", ENOSPC},
                                   {"EACCES", EACCES},
                                   {"EROFS", EROFS},
                                   {"EINTR", EINTR},
                                   {"EMFILE", EMFILE},
                                   {"EAGAIN", EAGAIN},
                                   {"EDQUOT", EDQUOT},
                                   {"SHORT", FAULT_SHORT},
                                   {"KILL", FAULT_KILL},
                                   {"TORN", FAULT_TORN},
                                   {"INT", FAULT_INTERRUPT},
                                   {NULL, 0}};
    const char *text = getenv("FAULT"), *program = getenv("FAULT_IN");
    if (!text || (program && strcmp(program, program_invocation_short_name) != 0)) return;
    fault f = {.cause = EIO};
    size_t length = strcspn(text, "@");
    f.calls = value_of(kinds, text, length);
    char *rest = (char *)text + length;
    if (*rest) f.at = strtol(rest + 1, &rest, 10);
    if (*rest == '+') f.lasting = true, rest++;
    if (*rest == '=') f.cause = value_of(causes, rest + 1, strlen(rest + 1));
    if (getenv("FAULT_COUNT")) atexit(leave_count);
    faults_plant(&f);
}
