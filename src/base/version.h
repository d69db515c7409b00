/* Which batchtune is this? Compiled into one object, so that a new commit rebuilds one file and not all. */
#ifndef BT_BASE_VERSION_H
#define BT_BASE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
const char *bt_version(void);

/* The source tree's git revision ("5c7afca", with "+" where it had uncommitted changes), or "unknown". */
const char *bt_revision(void);

#ifdef __cplusplus
}
#endif
#endif
