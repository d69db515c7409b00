#include "http/keys.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/text.h"

#define SCHEME "Bearer "
#define SPACES " \t\r"
/* What a bearer's token has (RFC 6750). */
#define KEY_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="
/* What a name has: it goes into logs as it is. */
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@"

typedef struct key {
    uint8_t bytes[BT_KEY_MOST]; /* zeros behind the key */
    char name[BT_NAME_SIZE];
    int line;
} key;

struct bt_keys {
    key *items;
    size_t count, room;
};

/* ---- comparing ---- */

/* All bytes are looked at, whichever differ. */
static bool is_equal(const uint8_t *a, const uint8_t *b) {
    uint8_t different = 0;
    for (size_t i = 0; i < BT_KEY_MOST; i++)
        different |= a[i] ^ b[i];
    return different == 0;
}

/* All keys are looked at, the right one found or not. */
static const key *find(const bt_keys *keys, const uint8_t bytes[BT_KEY_MOST]) {
    const key *volatile found = NULL;
    for (size_t i = 0; i < keys->count; i++)
        if (is_equal(keys->items[i].bytes, bytes)) found = &keys->items[i];
    return found;
}

const char *bt_keys_find(const bt_keys *keys, const char *authorization) {
    uint8_t bytes[BT_KEY_MOST] = {0};
    const size_t scheme = strlen(SCHEME);
    if (!authorization || strncasecmp_l(authorization, SCHEME, scheme, bt_text_locale()) != 0) return NULL;
    const char *given = authorization + scheme;
    given += strspn(given, " ");
    const size_t length = strlen(given);
    if (length < BT_KEY_LEAST || length > BT_KEY_MOST) return NULL;
    memcpy(bytes, given, length);
    const key *found = find(keys, bytes);
    return found ? found->name : NULL;
}

int bt_keys_count(const bt_keys *keys) {
    return (int)keys->count;
}

/* ---- reading ---- */

/* What a line holds; words beyond the second count only. */
typedef struct words {
    const char *text[2];
    size_t length[2];
    int count;
} words;

static words split(const char *line, size_t length) {
    words out = {.count = 0};
    const char *end = line + length;
    while (line < end) {
        size_t size = 0;
        while (line + size < end && !strchr(SPACES, line[size]))
            size++;
        if (size > 0 && out.count < 2) {
            out.text[out.count] = line;
            out.length[out.count] = size;
        }
        out.count += size > 0;
        line += size + 1;
    }
    return out;
}

/* Whether all `length` bytes are among `allowed`; a zero byte never is. */
static bool is_made_of(const char *text, size_t length, const char *allowed) {
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || !strchr(allowed, text[i])) return false;
    return true;
}

static bt_status check(const words *w, bt_error *error) {
    if (w->count != 2) return bt_fail(error, BT_PARSE, "a name and a key, with a space between");
    if (w->length[0] >= BT_NAME_SIZE || !is_made_of(w->text[0], w->length[0], NAME_BYTES))
        return bt_fail(error, BT_PARSE, "a name has letters, digits and any of -._@, %d at most",
                       BT_NAME_SIZE - 1);
    if (w->length[1] < BT_KEY_LEAST || w->length[1] > BT_KEY_MOST)
        return bt_fail(error, BT_PARSE, "a key has %d to %d characters, and this one has %zu", BT_KEY_LEAST,
                       BT_KEY_MOST, w->length[1]);
    if (is_made_of(w->text[1], w->length[1], KEY_BYTES)) return BT_OK;
    return bt_fail(error, BT_PARSE, "a key has letters, digits and any of -._~+/= alone");
}

static bt_status add(bt_keys *keys, const words *w, int line, bt_error *error) {
    key added = {.line = line};
    bt_status status = check(w, error);
    if (status != BT_OK) return status;
    memcpy(added.name, w->text[0], w->length[0]);
    memcpy(added.bytes, w->text[1], w->length[1]);
    const key *same = find(keys, added.bytes);
    if (same) return bt_fail(error, BT_PARSE, "the key of line %d again", same->line);
    if (keys->count == BT_KEYS_MAX) return bt_fail(error, BT_PARSE, "at most %d keys", BT_KEYS_MAX);
    key *grown = bt_array_grow(keys->items, keys->count, 1, &keys->room, sizeof *grown);
    if (!grown) return bt_no_memory(error, "the keys");
    keys->items = grown;
    keys->items[keys->count++] = added;
    return BT_OK;
}

static bt_status read_lines(bt_keys *keys, const char *text, size_t size, const char *path, bt_error *error) {
    const char *end = text + size;
    for (int line = 1; text < end; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t length = (size_t)((newline ? newline : end) - text);
        const char *comment = memchr(text, '#', length);
        const words w = split(text, comment ? (size_t)(comment - text) : length);
        bt_status status = w.count > 0 ? add(keys, &w, line, error) : BT_OK;
        if (status != BT_OK) return bt_fail_at(error, status, "%s: line %d", path, line);
        text += length + 1;
    }
    if (keys->count > 0) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: no key is in it: a name and a key on each line", path);
}

bt_status bt_keys_read(bt_keys **out, const char *text, size_t size, const char *path, bt_error *error) {
    *out = calloc(1, sizeof **out);
    if (!*out) return bt_no_memory(error, "the keys");
    bt_status status = read_lines(*out, text, size, path, error);
    if (status != BT_OK) bt_keys_close(out);
    return status;
}

void bt_keys_close(bt_keys **keys) {
    if (!*keys) return;
    if ((*keys)->items) explicit_bzero((*keys)->items, (*keys)->count * sizeof(key));
    free((*keys)->items);
    free(*keys);
    *keys = NULL;
}
