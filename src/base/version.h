/* Which batchtune is this? Compiled into one object, so that a new commit rebuilds one file and not all. */
#ifndef BT_BASE_VERSION_H
#define BT_BASE_VERSION_H

#include "batchtune.h" /* bt_version */

#ifdef __cplusplus
extern "C" {
#endif

/* The source tree's git revision ("5c7afca", with "+" where it had uncommitted changes), or "unknown". */
const char *bt_revision(void);

#ifdef __cplusplus
}
#endif
#endif
