#include "http/page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/embed.h"
#include "base/text.h"

BT_EMBED(bt_page_html, "src/http/page/page.html");
BT_EMBED(bt_page_css, "src/http/page/page.css");
BT_EMBED(bt_page_js, "src/http/page/page.js");

#define NONCE_LENGTH 32

static bt_status make_nonce(char out[NONCE_LENGTH + 1], bt_error *error) {
    uint64_t numbers[2];
    if (getrandom(numbers, sizeof numbers, 0) != sizeof numbers)
        return bt_fail(error, BT_IO, "there is no random number: %s", bt_text_system_error(errno));
    snprintf(out, NONCE_LENGTH + 1, "%016" PRIx64 "%016" PRIx64, numbers[0], numbers[1]);
    return BT_OK;
}

/* The page with what its marks stand for: {style}, {script} and {nonce}. */
static void write_page(FILE *out, const char *nonce) {
    const struct {
        const char *mark, *text;
        size_t size;
    } parts[] = {{"{style}", (const char *)bt_page_css, (size_t)(bt_page_css_end - bt_page_css)},
                 {"{script}", (const char *)bt_page_js, (size_t)(bt_page_js_end - bt_page_js)},
                 {"{nonce}", nonce, NONCE_LENGTH}};
    const char *at = (const char *)bt_page_html, *end = (const char *)bt_page_html_end;
    while (at < end) {
        size_t i = 0, length = 0;
        for (; i < sizeof parts / sizeof *parts; i++) {
            length = strlen(parts[i].mark);
            if (length <= (size_t)(end - at) && memcmp(at, parts[i].mark, length) == 0) break;
        }
        if (i < sizeof parts / sizeof *parts) {
            fwrite(parts[i].text, 1, parts[i].size, out);
            at += length;
        } else {
            fputc(*at++, out);
        }
    }
}

bt_status bt_page_make(char **out, char policy[BT_PAGE_POLICY_SIZE], bt_error *error) {
    char nonce[NONCE_LENGTH + 1];
    size_t size;
    *out = NULL;
    bt_status status = make_nonce(nonce, error);
    if (status != BT_OK) return status;
    snprintf(policy, BT_PAGE_POLICY_SIZE,
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; "
             "img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             nonce, nonce);
    FILE *text = open_memstream(out, &size);
    if (!text) return bt_no_memory(error, "a page");
    write_page(text, nonce);
    if (fclose(text) == 0) return BT_OK;
    free(*out);
    *out = NULL;
    return bt_no_memory(error, "a page");
}
