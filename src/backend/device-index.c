#include "backend/device-index.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bt_status bt_device_index(int *index, const char *device, bt_error *error) {
    *index = -1;
    if (device && strcmp(device, "cpu") == 0) return BT_OK;
    const char *digits = device && strncmp(device, "cuda:", 5) == 0 ? device + 5 : "";
    char *end;
    long number = strtol(digits, &end, 10);
    if (!isdigit((unsigned char)*digits) || *end ||
        number > 127) /* libtorch counts devices in a signed byte */
        return bt_fail(error, BT_INVALID, "unknown device '%.40s': give cpu or cuda:N", device ? device : "");
    *index = (int)number;
    return BT_OK;
}
