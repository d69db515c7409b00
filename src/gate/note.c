#include "gate/note.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

void bt_note_add(char *note, size_t size, const char *format, ...) {
    const size_t used = strlen(note), joint = used > 0 ? 2 : 0;
    va_list arguments;
    if (used + joint >= size) return;
    memcpy(note + used, "; ", joint);
    va_start(arguments, format);
    bt_text_format_list(note + used + joint, size - used - joint, format, arguments);
    va_end(arguments);
}
