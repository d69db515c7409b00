/* What many tests do in one line: a call that must succeed, a message that must say something, a small file,
 * a large array. Each fails the test at once, and says why. */
#ifndef BT_TESTS_EXPECT_H
#define BT_TESTS_EXPECT_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* A step on the way to what is tested. */
void must(bt_status status, const bt_error *error);

/* `text` holds `words`. */
void says(const char *text, const char *words);

/* A row of a table of what is refused, and the message, or what it must hold. */
typedef struct refusal {
    const char *given, *message;
} refusal;

/* The message of `given`'s refusal is the one wanted. */
void refused_with(const refusal *wanted, const char *message);

/* It holds the one wanted. */
void refused_saying(const refusal *wanted, const char *message);

/* Writes `text` to a file whose folder is there. */
void put(const char *path, const char *text);

/* The file holds `text` and nothing else. */
void assert_holds(const char *path, const char *text);

/* How many files and folders the current folder holds, but for those whose name begins with a dot. */
int files_here(void);

/* An array of `count` of `item` (taken). */
json_t *json_many(size_t count, json_t *item);

#endif
