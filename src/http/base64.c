#include "http/base64.h"

static int value_of(char character) {
    if (character >= 'A' && character <= 'Z') return character - 'A';
    if (character >= 'a' && character <= 'z') return character - 'a' + 26;
    if (character >= '0' && character <= '9') return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Without the padding, which stands only where it fills up four. */
static int64_t length_of(const char *text, size_t length) {
    size_t kept = length;
    while (kept > 0 && length - kept < 2 && text[kept - 1] == '=')
        kept--;
    if (kept != length && length % 4 != 0) return -1;
    return kept % 4 == 1 ? -1 : (int64_t)kept;
}

int64_t bt_base64_read(uint8_t *out, const char *text, size_t length) {
    const int64_t kept = length_of(text, length);
    int64_t count = 0;
    uint32_t bits = 0;
    for (int64_t i = 0; i < kept; i++) {
        const int value = value_of(text[i]);
        if (value < 0) return -1;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) out[count++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return kept < 0 ? -1 : count;
}
