#include "http/trace-context.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* version "-" trace "-" span "-" flags */
#define TRACE_AT    3
#define SPAN_AT     36
#define FLAGS_AT    53
#define LENGTH      55
#define KNOWN_FLAGS 3

/* ---- traceparent ---- */

/* Capitals are not valid. */
static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies `count` digits; false where one is none. */
static bool read_digits(char *out, const char *text, int count) {
    for (int i = 0; i < count; i++) {
        if (digit_of(text[i]) < 0) return false;
        out[i] = text[i];
    }
    out[count] = '\0';
    return true;
}

/* An id of zeros alone is none. */
static bool read_id(char *out, const char *text, int count) {
    return read_digits(out, text, count) && strspn(out, "0") < (size_t)count;
}

static bool has_form(const char *text) {
    const size_t length = strlen(text);
    return length >= LENGTH && text[TRACE_AT - 1] == '-' && text[SPAN_AT - 1] == '-' &&
           text[FLAGS_AT - 1] == '-' && (length == LENGTH || text[LENGTH] == '-');
}

/* Version 00 has nothing behind its flags; a later one may; ff is no version. */
static bool has_version(const char *text) {
    char version[3];
    if (!read_digits(version, text, 2) || strcmp(version, "ff") == 0) return false;
    return strcmp(version, "00") != 0 || text[LENGTH] == '\0';
}

bool bt_trace_read(bt_trace_context *out, const char *traceparent) {
    char flags[3];
    const bool valid = has_form(traceparent) && has_version(traceparent) &&
                       read_id(out->trace_id, traceparent + TRACE_AT, BT_TRACE_ID_SIZE - 1) &&
                       read_id(out->span_id, traceparent + SPAN_AT, BT_SPAN_ID_SIZE - 1) &&
                       read_digits(flags, traceparent + FLAGS_AT, 2);
    if (valid)
        out->flags = (uint8_t)(digit_of(flags[1]) & KNOWN_FLAGS);
    else
        *out = (bt_trace_context){.flags = 0};
    return valid;
}

void bt_trace_write_span(char out[BT_SPAN_ID_SIZE], uint64_t span) {
    snprintf(out, BT_SPAN_ID_SIZE, "%016" PRIx64, span);
}

void bt_trace_write(char out[BT_TRACEPARENT_SIZE], const bt_trace_context *context, uint64_t span) {
    char id[BT_SPAN_ID_SIZE];
    bt_trace_write_span(id, span);
    snprintf(out, BT_TRACEPARENT_SIZE, "00-%s-%s-%02x", context->trace_id, id, context->flags);
}

/* ---- tracestate ---- */

#define MEMBERS_MAX 32
#define KEY_MAX     256
#define TENANT_MAX  241
#define SYSTEM_MAX  14
#define VALUE_MAX   256
#define KEY_BYTES   "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
#define KEY_FIRST   "abcdefghijklmnopqrstuvwxyz"
#define DIGITS      "0123456789"

typedef struct member {
    const char *text;
    size_t length, key; /* of the whole, and of what is before the equals sign */
} member;

static bool is_one_of(char byte, const char *bytes) {
    return byte != '\0' && strchr(bytes, byte) != NULL;
}

/* A vendor's name, or a tenant at one: tenants may begin with a digit. */
static bool is_key(const char *key, size_t length) {
    const char *at = memchr(key, '@', length);
    const size_t tenant = at ? (size_t)(at - key) : 0, system = at ? length - tenant - 1 : length;
    if (at && (tenant == 0 || tenant > TENANT_MAX || system > SYSTEM_MAX)) return false;
    if (at && strspn(key, KEY_BYTES) != tenant) return false;
    if (at && !is_one_of(key[0], KEY_FIRST DIGITS)) return false;
    const char *name = key + length - system;
    return system > 0 && length <= KEY_MAX && is_one_of(name[0], KEY_FIRST) &&
           strspn(name, KEY_BYTES) >= system;
}

/* Printable, without the signs that separate members and keys. */
static bool is_value(const char *value, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~' || value[i] == '=') return false;
    return length > 0 && length <= VALUE_MAX;
}

static member trim(const char *text, size_t length) {
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    const char *equals = memchr(text, '=', length);
    return (member){text, length, equals ? (size_t)(equals - text) : length};
}

static bool is_member(const member *m) {
    return m->key < m->length && is_key(m->text, m->key) &&
           is_value(m->text + m->key + 1, m->length - m->key - 1);
}

static bool is_known(const member *m, const member *members, int count) {
    for (int i = 0; i < count; i++)
        if (members[i].key == m->key && memcmp(members[i].text, m->text, m->key) == 0) return true;
    return false;
}

/* Empty members are allowed, and count for nothing. */
bool bt_trace_state_is_valid(const char *tracestate) {
    member members[MEMBERS_MAX];
    int count = 0;
    for (const char *at = tracestate;; at++) {
        const size_t length = strcspn(at, ",");
        const member m = trim(at, length);
        if (m.length > 0) {
            if (count == MEMBERS_MAX || !is_member(&m) || is_known(&m, members, count)) return false;
            members[count++] = m;
        }
        at += length;
        if (*at == '\0') return count > 0 && (size_t)(at - tracestate) <= BT_TRACESTATE_MAX;
    }
}
