#include "settings/weights-source.h"

#include <stdio.h>
#include <string.h>

const char *bt_weights_source_split(char file[BT_PATH_SIZE], const char *source) {
    size_t length = strlen(source);
    while (length > 0) {
        snprintf(file, BT_PATH_SIZE, "%.*s", (int)length, source);
        if (bt_file_exists(file)) return source[length] == ':' ? source + length + 1 : source + length;
        do
            length--;
        while (length > 0 && source[length] != ':');
    }
    snprintf(file, BT_PATH_SIZE, "%s", source);
    return source + strlen(source);
}
