/* Small questions about text that several modules ask: how to show a stranger's value in one line, how a
 * number reads back unchanged, which known name was meant.
 *
 * And numbers whatever the host's locale. A program that calls setlocale(LC_ALL, "") in a country with a
 * decimal comma makes printf write "2,5" and strtod stop at the point of "2.5", in every library of its
 * process. What batchtune writes is read by machines or stands beside what is, so there is one rule: text
 * with a fraction in it is written and read by the functions here, in the "C" locale (`make lint` finds
 * printf and strtod elsewhere). */
#ifndef BT_BASE_TEXT_H
#define BT_BASE_TEXT_H

#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The "C" locale, for the functions whose names end in _l: strcasecmp_l(a, b, bt_text_locale()). It is a
 * constant of the C library that is never made nor freed, so this neither fails nor takes memory.
 * Any thread. */
locale_t bt_text_locale(void);

/* snprintf, vsnprintf, fprintf and vfprintf whose numbers have a dot in any locale of the process or the
 * thread. They change the calling thread's locale for the length of the call, and no other thread's; that
 * costs some 10 ns, against hundreds for printing a number with a fraction, and whatever prints none may call
 * printf's family itself. What they return, and their errors, are those of the originals. Any thread. */
int bt_text_format(char *out, size_t size, const char *format, ...) BT_PRINTF(3, 4);
int bt_text_format_list(char *out, size_t size, const char *format, va_list arguments) BT_PRINTF(3, 0);
int bt_text_print(FILE *out, const char *format, ...) BT_PRINTF(2, 3);
int bt_text_print_list(FILE *out, const char *format, va_list arguments) BT_PRINTF(2, 0);

/* Appends to `out`, which has `size` bytes; cut where it does not fit. Any thread. */
void bt_text_append(char *out, size_t size, const char *format, ...) BT_PRINTF(3, 4);

/* Appends a clause, after "; " where it is not the first: "CPU governor differs; 3 of 40 periods throttled". */
void bt_text_append_clause(char *out, size_t size, const char *format, ...) BT_PRINTF(3, 4);

/* strtod with a dot in any locale: *end (where not NULL) is where the number ended, `text` itself where it is
 * none. */
double bt_text_read_number(const char *text, char **end);

/* What isalnum and iscntrl say in the "C" locale: of ASCII only. A host's Latin-1 takes the bytes of UTF-8
 * letters for letters and control characters of its own. */
bool bt_text_is_alphanumeric(char byte);
bool bt_text_is_control(char byte);

/* Whether `text` ends so: "net.pt2" with ".pt2". */
bool bt_text_ends_with(const char *text, const char *ending);

/* Makes capitals of `text`'s small ASCII letters. */
void bt_text_upper(char *text);

/* Whether `text` fits a shell's pattern (fnmatch in the "C" locale: "[a-z]" means 26 letters). */
bool bt_text_fits(const char *pattern, const char *text);

/* What the system calls the error `code` (an errno), in English, as strerror in the "C" locale. In another
 * locale its bytes may not even be UTF-8. The text is the library's, or good until the thread's next call. */
const char *bt_text_system_error(int code);

/* dlerror(), in English likewise. NULL where nothing failed since the last call. */
const char *bt_text_load_error(void);

#define BT_NUMBER_TEXT_SIZE 32

/* The shortest decimal text that bt_text_read_number reads back as exactly `value`: 0.1 is "0.1", not
 * "0.10000000000000001". */
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
 * three or more letters finds its whole. Case does not count, nor '-' against '_'. Costs time in proportion
 * to 64 * 64 * count. */
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
