/* Keys that let a client in, and whose they are: "Authorization: Bearer KEY" against a list that a person wrote.
 *
 * The list is text, so that any tool makes and changes it: one line a key, its owner's name before it, # begins a
 * comment. A name may have several keys, so that one can be replaced while both hold. Nothing here tells a key: messages
 * name the line. Comparing takes as long for a wrong key as for a right one, whatever they share. */
#ifndef BT_HTTP_KEYS_H
#define BT_HTTP_KEYS_H

#include <stddef.h>

#include "base/error.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_KEY_LEAST 16 /* characters; a shorter one is guessed */
#define BT_KEY_MOST  128
/* Raised, each request is compared with more (2 us for so many); lowered, fewer clients have a key of their own. */
#define BT_KEYS_MAX 1000

typedef struct bt_keys bt_keys;

/* Reads the list's text, `size` bytes of `path`, which is for messages. The caller closes *out. BT_PARSE with the
 * line, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_keys_read(bt_keys **out, const char *text, size_t size, const char *path,
                                   bt_error *error);
void bt_keys_close(bt_keys **keys); /* NULL-safe; nulls; what it held is overwritten */

int bt_keys_count(const bt_keys *keys);

/* Whose key the header Authorization (NULL: there is none) has: a name that lives as long as `keys`. NULL where it is
 * nobody's. */
const char *bt_keys_find(const bt_keys *keys, const char *authorization);

#ifdef __cplusplus
}
#endif
#endif
