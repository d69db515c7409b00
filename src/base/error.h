/* What went wrong, told once, where the cause is known.
 *
 * Every call that can fail returns a bt_status and fills a caller-owned bt_error with one line that a person
 * can act on. The library never prints and never exits: the program that called decides what a failure means.
 * Keep the set of statuses small: a status exists only where some caller treats it differently.
 */
#ifndef BT_BASE_ERROR_H
#define BT_BASE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_status {
    BT_OK = 0,
    BT_INVALID,              /* the caller's input is wrong: a flag, a key, an argument */
    BT_NO_MEMORY,            /* host memory ran out */
    BT_IO,                   /* a file, pipe or process could not be read, written or started */
    BT_PARSE,                /* outside bytes do not say what they should */
    BT_TIMEOUT,              /* a deadline passed */
    BT_QUEUE_FULL,           /* a bounded queue is at its bound */
    BT_CLOSED,               /* the other side is gone or was stopped */
    BT_BACKEND,              /* the inference runtime failed */
    BT_OUT_OF_DEVICE_MEMORY, /* the device's memory ran out; the process is still usable */
    BT_UNSUPPORTED           /* this machine or build cannot do it */
} bt_status;

#define BT_ERROR_MESSAGE_SIZE 256

typedef struct bt_error {
    bt_status status;
    char message[BT_ERROR_MESSAGE_SIZE]; /* one line, no trailing newline, cut with "..." when too long */
} bt_error;

#define BT_MUST_USE           __attribute__((warn_unused_result))
#define BT_PRINTF(text, args) __attribute__((format(printf, text, args)))

/* Fills `error` (which may be NULL) and returns `status`, so that a failing function ends in
 * `return bt_fail(error, BT_IO, "...", ...)`. Newlines in the message become spaces. The arguments may
 * point into error->message. Safe in any thread. */
bt_status bt_fail(bt_error *error, bt_status status, const char *format, ...) BT_PRINTF(3, 4);

/* Puts "prefix: " before the message that is there, for a caller that knows the file or the key.
 * Returns error->status; with a NULL error it returns `status`. */
bt_status bt_fail_at(bt_error *error, bt_status status, const char *prefix_format, ...) BT_PRINTF(3, 4);

/* The status's name in lower case ("out of device memory"); never NULL. */
const char *bt_status_name(bt_status status);

#ifdef __cplusplus
}
#endif
#endif
