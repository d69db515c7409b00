#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void one_line(char *text) {
    for (; *text; text++)
        if (*text == '\n' || *text == '\r') *text = ' ';
}

/* A cut never splits a UTF-8 character: the message may end up in a JSON record. */
static void put_message(char *out, const char *format, va_list arguments) {
    int length = bt_text_format_list(out, BT_ERROR_MESSAGE_SIZE, format, arguments);
    if (length >= BT_ERROR_MESSAGE_SIZE) memcpy(out + bt_text_fit(out, BT_ERROR_MESSAGE_SIZE - 4), "...", 4);
    one_line(out);
}

bt_status bt_fail(bt_error *error, bt_status status, const char *format, ...) {
    if (error) {
        char message[BT_ERROR_MESSAGE_SIZE]; /* the arguments may point into error->message */
        va_list arguments;
        va_start(arguments, format);
        put_message(message, format, arguments);
        va_end(arguments);
        error->status = status;
        memcpy(error->message, message, sizeof message);
    }
    return status;
}

bt_status bt_fail_at(bt_error *error, bt_status status, const char *prefix_format, ...) {
    if (!error) return status;
    char prefix[BT_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, prefix_format);
    put_message(prefix, prefix_format, arguments);
    va_end(arguments);
    return bt_fail(error, error->status, "%s: %s", prefix, error->message);
}

bt_status bt_no_memory(bt_error *error, const char *format, ...) {
    char what[BT_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    put_message(what, format, arguments);
    va_end(arguments);
    return bt_fail(error, BT_NO_MEMORY, "out of memory for %s", what);
}

void bt_keep_first(bt_status *first, bt_error *error, bt_status status, const bt_error *cause) {
    if (*first != BT_OK || status == BT_OK) return;
    *first = status;
    if (error) *error = *cause;
}

const char *bt_status_name(bt_status status) {
    switch (status) {
    case BT_OK:
        return "ok";
    case BT_INVALID:
        return "invalid";
    case BT_NO_MEMORY:
        return "out of memory";
    case BT_IO:
        return "input/output";
    case BT_PARSE:
        return "malformed";
    case BT_TIMEOUT:
        return "timeout";
    case BT_QUEUE_FULL:
        return "queue full";
    case BT_CLOSED:
        return "closed";
    case BT_BACKEND:
        return "backend";
    case BT_OUT_OF_DEVICE_MEMORY:
        return "out of device memory";
    case BT_UNSUPPORTED:
        return "unsupported";
    case BT_CANCELLED:
        return "cancelled";
    case BT_NOT_WRITTEN:
        return "not written";
    }
    return "unknown";
}
