#include "http/media.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define SPACES  " \t"
#define WANTED  1000 /* a quality of 1 */
#define UNKNOWN (-1)

/* A range of the header: "image/png;q=0.5". */
typedef struct range {
    const char *type;
    size_t length;
    int quality; /* in thousandths */
} range;

/* What a range says of a type: how closely it fits, 1 to 3, and how much that is wanted; 0: it does not fit. */
typedef struct fit {
    int closeness, quality;
} fit;

/* "0.75" in thousandths; what is no quality by RFC 9110 is UNKNOWN. */
static int read_quality(const char *text, size_t length) {
    int value = 0, place = 100;
    if (length == 0 || length > 5 || (text[0] != '0' && text[0] != '1')) return UNKNOWN;
    if (length > 1 && text[1] != '.') return UNKNOWN;
    for (size_t i = 2; i < length; i++, place /= 10) {
        if (text[i] < '0' || text[i] > '9') return UNKNOWN;
        value += (text[i] - '0') * place;
    }
    value += (text[0] - '0') * WANTED;
    return value <= WANTED ? value : UNKNOWN;
}

/* The length up to one of the signs, what is in quotes passed over. */
static size_t until(const char *text, size_t length, const char *signs) {
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') quoted = !quoted;
        if (quoted && text[i] == '\\') i++;
        if (!quoted && strchr(signs, text[i])) return i;
    }
    return length;
}

static void trim(const char **text, size_t *length) {
    while (*length > 0 && strchr(SPACES, **text)) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && strchr(SPACES, (*text)[*length - 1]))
        (*length)--;
}

static void read_parameter(range *out, const char *text, size_t length) {
    trim(&text, &length);
    if (length >= 2 && (text[0] == 'q' || text[0] == 'Q') && text[1] == '=')
        out->quality = read_quality(text + 2, length - 2);
}

static range read_range(const char *text, size_t length) {
    size_t end = until(text, length, ";");
    range out = {.type = text, .length = end, .quality = WANTED};
    trim(&out.type, &out.length);
    while (end < length) {
        const char *parameter = text + end + 1;
        const size_t size = until(parameter, length - end - 1, ";");
        read_parameter(&out, parameter, size);
        end += 1 + size;
    }
    return out;
}

static bool is_same(const char *text, size_t length, const char *other) {
    return strncasecmp_l(text, other, length, bt_text_locale()) == 0;
}

static int closeness_of(const range *r, const char *type) {
    const size_t family = strcspn(type, "/") + 1;
    if (r->length == 3 && is_same(r->type, 3, "*/*")) return 1;
    if (r->length == family + 1 && r->type[family] == '*' && is_same(r->type, family, type)) return 2;
    return r->length == strlen(type) && is_same(r->type, r->length, type) ? 3 : 0;
}

static fit fit_of(const char *accept, const char *type) {
    fit best = {0, 0};
    for (size_t left = strlen(accept); left > 0;) {
        const size_t length = until(accept, left, ",");
        const range r = read_range(accept, length);
        const int closeness = closeness_of(&r, type);
        if (r.quality != UNKNOWN && closeness > best.closeness) best = (fit){closeness, r.quality};
        accept += length;
        left -= length;
        if (left > 0) {
            accept++;
            left--;
        }
    }
    return best;
}

int bt_media_choose(const char *accept, const char *const *types, int count) {
    int chosen = -1;
    fit best = {0, 0};
    if (!accept || !accept[strspn(accept, SPACES)]) return count > 0 ? 0 : -1;
    for (int i = 0; i < count; i++) {
        const fit f = fit_of(accept, types[i]);
        if (f.quality > best.quality ||
            (f.quality == best.quality && f.quality > 0 && f.closeness > best.closeness)) {
            best = f;
            chosen = i;
        }
    }
    return chosen;
}
