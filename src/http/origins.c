#include "http/origins.h"

#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/text.h"

/* The next of the list, spaces around it left out; false at its end. */
static bool next(const char **list, const char **item, size_t *length) {
    if (**list == '\0') return false;
    *length = strcspn(*list, ",");
    *item = *list;
    *list += *length;
    *list += **list == ',';
    while (*length > 0 && **item == ' ') {
        (*item)++;
        (*length)--;
    }
    while (*length > 0 && (*item)[*length - 1] == ' ')
        (*length)--;
    return true;
}

/* A host is a name, or an address, which is in brackets where it has colons. */
static bool is_host(const char *text) {
    static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t host = strspn(text, name);
    if (text[0] == '[') {
        host = 1 + strspn(text + 1, "0123456789abcdef:.");
        if (host < 2 || text[host++] != ']') return false;
    }
    if (host == 0 || text[host] == '\0') return host > 0;
    const char *port = text + host + 1;
    const size_t digits = strspn(port, "0123456789");
    return text[host] == ':' && digits > 0 && digits <= 5 && port[digits] == '\0';
}

static bool is_origin(const char *text) {
    const size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    return scheme > 0 && text[0] >= 'a' && strncmp(text + scheme, "://", 3) == 0 &&
           is_host(text + scheme + 3);
}

bt_status bt_origins_check(const char *list, bt_error *error) {
    char origin[BT_OPTION_TEXT_SIZE], quoted[BT_TEXT_QUOTE_SIZE];
    const char *item;
    size_t length;
    while (next(&list, &item, &length)) {
        snprintf(origin, sizeof origin, "%.*s", (int)length, item);
        if (is_origin(origin)) continue;
        bt_text_quote(origin, quoted);
        return bt_fail(error, BT_INVALID,
                       "%s is no origin, as https://app.example.org and http://localhost:3000 are", quoted);
    }
    return BT_OK;
}

bool bt_origins_allow(const char *list, const char *origin) {
    const char *item;
    size_t length;
    while (origin && next(&list, &item, &length))
        if (length == strlen(origin) && memcmp(item, origin, length) == 0) return true;
    return false;
}
