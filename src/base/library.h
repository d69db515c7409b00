/* Shared libraries that are loaded when needed, never linked: where this build's own lie, and what is
 * in one. */
#ifndef BT_BASE_LIBRARY_H
#define BT_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `path` with the first readable of ../lib/NAME, ../../lib/NAME, NAME, and (as Debian's packages have
 * it) ../lib/batchtune/NAME and ../batchtune/NAME, seen from the running program's folder (an installed
 * program's, a test's or a sanitizer build's), then from that of the shared library that this code is in (a
 * stranger's program). BT_UNSUPPORTED, with where it was sought, for none. */
BT_MUST_USE bt_status bt_library_find(char *path, size_t path_size, const char *name, bt_error *error);

/* A symbol of a loaded library into the function pointer at `function`, the way POSIX means it: NULL and
 * false where the library has none of that name. */
bool bt_library_symbol(void *library, const char *name, void *function);

#ifdef __cplusplus
}
#endif
#endif
