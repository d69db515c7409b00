/* Small questions about text that several modules ask: how to show a stranger's value in one line, how a
 * number reads back unchanged, which known name was meant. */
#ifndef BT_BASE_TEXT_H
#define BT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NUMBER_TEXT_SIZE 32

/* The shortest decimal text that strtod reads back as exactly `value`: 0.1 is "0.1", not
 * "0.10000000000000001".
 */
void bt_text_number(double value, char out[BT_NUMBER_TEXT_SIZE]);

/* A stretch of time for people: "12 s", "3 min 05 s", "1 h 02 min". */
void bt_text_seconds(double seconds, char out[BT_NUMBER_TEXT_SIZE]);

#define BT_TEXT_QUOTE_SIZE 64

/* `text` in double quotes for a message: control characters become '?', and what is longer than about 55
 * bytes is cut with "...", never inside a UTF-8 character. */
void bt_text_quote(const char *text, char out[BT_TEXT_QUOTE_SIZE]);

/* `word` as one word of a shell line: in single quotes where a shell would see more than that. */
void bt_text_shell_word(const char *word, FILE *out);

/* The one of `names` that a person who typed `word` most likely meant, or NULL where none is near: one edit
 * (insert, delete, replace, swap neighbours) is allowed for every three letters, and an unfinished name of
 * three or more letters finds its whole. Case does not count, nor '-' against '_'. Costs O(count * 64 * 64).
 */
const char *bt_text_nearest(const char *word, const char *const *names, size_t count);

/* Whether `text` is well-formed UTF-8 (RFC 3629), which JSON strings must be. */
bool bt_text_is_utf8(const char *text);

/* The terminal columns that the first `size` bytes of UTF-8 take, at one a character. */
size_t bt_text_columns(const char *text, size_t size);

/* Of `text`'s bytes, how many fit in `size` without cutting a UTF-8 character. */
size_t bt_text_fit(const char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
