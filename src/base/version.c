#include "base/version.h"

#ifndef BT_VERSION
#define BT_VERSION "unknown"
#endif
#ifndef BT_REVISION
#define BT_REVISION "unknown"
#endif

const char *bt_version(void) {
    return BT_VERSION;
}

const char *bt_revision(void) {
    return BT_REVISION;
}
