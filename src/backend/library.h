/* Where this build's own shared libraries lie: they are loaded when needed, never linked. */
#ifndef BT_BACKEND_LIBRARY_H
#define BT_BACKEND_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `path` with the first readable of ../lib/NAME, ../../lib/NAME and NAME, seen from the running
 * program's folder (an installed program's, a test's or a sanitizer build's), then from that of the shared
 * library that this code is in (a stranger's program). BT_UNSUPPORTED, with where it was sought, for none. */
BT_MUST_USE bt_status bt_library_find(char *path, size_t path_size, const char *name, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
