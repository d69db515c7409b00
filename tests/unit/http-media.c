/* A client gets the form that its header Accept wants most, of those there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/media.h"

enum { JSON, GEOJSON, PNG, TYPES, NONE = -1 };
static const char *const types[TYPES] = {"application/json", "application/geo+json", "image/png"};

static void the_form_wanted_most_is_chosen(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        int chosen;
    } wanted[] = {
        {NULL, JSON},
        {"", JSON},
        {"*/*", JSON},
        {"image/png", PNG},
        {"IMAGE/PNG", PNG},
        {"application/geo+json", GEOJSON},
        {"application/*", JSON},
        {"image/*", PNG},
        {"image/*, application/geo+json", GEOJSON}, /* named goes before covered */
        {"*/*, image/png", PNG},
        {"application/json;q=0.5, image/png", PNG},
        {"application/json;q=0.5, image/png;q=0.4", JSON},
        {"application/json ; q=0.500 , image/png ; Q=0.501", PNG},
        {"application/json;q=0, */*", GEOJSON}, /* the closest range tells */
        {"application/json;q=0.1, application/*;q=0.9", GEOJSON},
        {"*/*;q=0.1, application/json;q=0", GEOJSON},
        {"text/html, application/xhtml+xml, application/xml;q=0.9, image/avif, */*;q=0.8",
         JSON}, /* browsers */
        {"application/json;charset=utf-8", JSON},
        {"application/json;note=\"a,b;q=0\\\"\";q=0.2, image/png;q=0.3", PNG},
        {",, image/png ,", PNG},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const int chosen = bt_media_choose(wanted[i].accept, types, TYPES);
        if (chosen != wanted[i].chosen) fail_msg("\"%s\": %d", wanted[i].accept, chosen);
    }
}

static void nothing_is_chosen_where_nothing_fits(void **state) {
    (void)state;
    static const char *const accepts[] = {
        "text/html",
        "image/webp, image/jpeg",
        "*/*;q=0",
        "image/png;q=0",
        "image/png;q=0.000",
        "image",
        "image/pngs",
        "image/pn",
        "*",
        "*/png",
        "image/png;q=2", /* no quality: the range counts for nothing */
        "image/png;q=1.001",
        "image/png;q=-1",
        "image/png;q=0.1234",
        "image/png;q=",
        "image/png;q=x",
        "image/png;q=0,5",
        "\"image/png",
    };
    for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++)
        if (bt_media_choose(accepts[i], types, TYPES) != NONE) fail_msg("\"%s\" fits nothing", accepts[i]);
    assert_int_equal(bt_media_choose("*/*", types, 0), NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_wanted_most_is_chosen),
        cmocka_unit_test(nothing_is_chosen_where_nothing_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
