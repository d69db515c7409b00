/* What comes packed is unpacked within its bound, and what is damaged is refused: bodies in gzip and deflate,
 * files in base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "expect.h"
#include "http/base64.h"
#include "http/inflate.h"

#define GZIP (16 + MAX_WBITS)
#define ZLIB MAX_WBITS
#define BARE (-MAX_WBITS)

/* `size` bytes of `text` packed into `out`; returns how many they became. */
static size_t pack(uint8_t *out, size_t room, const void *text, size_t size, int format) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text,
                       .avail_in = (uInt)size,
                       .next_out = out,
                       .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, format, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

static const char text[] = "{\"inputs\": [{\"name\": \"image\"}]}";

static void each_format_is_unpacked(void **state) {
    (void)state;
    static const int formats[] = {GZIP, ZLIB, BARE};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        uint8_t packed[256], *out;
        size_t size;
        bt_error error;
        const size_t length = pack(packed, sizeof packed, text, sizeof text, formats[i]);
        must(bt_inflate(&out, &size, packed, length, sizeof text, &error), &error);
        assert_int_equal(size, sizeof text);
        assert_memory_equal(out, text, size);
        free(out);
    }
}

/* 64 MB of zeros are 64 kB packed. */
static void a_bomb_is_refused_at_its_bound(void **state) {
    (void)state;
    const size_t size = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, size), *packed = malloc(size / 512), *out;
    size_t out_size;
    bt_error error;
    assert_true(zeros && packed);
    const size_t length = pack(packed, size / 512, zeros, size, GZIP);
    assert_int_equal(bt_inflate(&out, &out_size, packed, length, 1000000, &error), BT_INVALID);
    says(error.message, "more than the limit of 1000000 bytes");
    assert_null(out);
    assert_int_equal(bt_inflate(&out, &out_size, packed, length, size - 1, &error), BT_INVALID);
    must(bt_inflate(&out, &out_size, packed, length, size, &error), &error);
    assert_int_equal(out_size, size);
    free(out);
    free(packed);
    free(zeros);
}

static void what_is_damaged_is_refused(void **state) {
    (void)state;
    uint8_t packed[256], *out;
    size_t size;
    bt_error error;
    const size_t length = pack(packed, sizeof packed, text, sizeof text, GZIP);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(bt_inflate(&out, &size, packed, cut, 1000, &error), BT_PARSE);
        assert_null(out);
    }
    says(error.message, "damaged or cut off");
    packed[length] = 'x';
    assert_int_equal(bt_inflate(&out, &size, packed, length + 1, 1000, &error), BT_PARSE);
    says(error.message, "1 bytes follow");
    packed[length - 6] ^= 1; /* of the checksum */
    assert_int_equal(bt_inflate(&out, &size, packed, length, 1000, &error), BT_PARSE);
}

static void encodings_are_told_apart(void **state) {
    (void)state;
    bool packed;
    bt_error error;
    must(bt_inflate_wanted(&packed, "GZip", &error), &error);
    assert_true(packed);
    must(bt_inflate_wanted(&packed, "deflate", &error), &error);
    assert_true(packed);
    must(bt_inflate_wanted(&packed, NULL, &error), &error);
    assert_false(packed);
    must(bt_inflate_wanted(&packed, "identity", &error), &error);
    assert_false(packed);
    assert_int_equal(bt_inflate_wanted(&packed, "br", &error), BT_UNSUPPORTED);
    says(error.message, "\"br\" is not read: gzip and deflate are");
}

/* RFC 4648's own examples, with their padding and without. */
static void base64_is_read(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"Zg==", "f"},
                                           {"Zg", "f"},
                                           {"Zm8=", "fo"},
                                           {"Zm9v", "foo"},
                                           {"Zm9vYg==", "foob"},
                                           {"Zm9vYmE", "fooba"},
                                           {"Zm9vYmFy", "foobar"},
                                           {"+/+/", "\xFB\xFF\xBF"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint8_t out[32];
        const size_t length = strlen(pairs[i][0]);
        assert_true(bt_base64_room(length) <= sizeof out);
        assert_int_equal(bt_base64_read(out, pairs[i][0], length), strlen(pairs[i][1]));
        assert_memory_equal(out, pairs[i][1], strlen(pairs[i][1]));
    }
}

static void what_is_no_base64_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"Z",     "Zg=",  "Zg===", "====",     "=",           "Zm9v\n",
                                        "Zm 9v", "Zm-_", "Zm9vY", "Zg==Zg==", "\xC3\xA9zzz", "Z==="};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t out[32];
        assert_int_equal(bt_base64_read(out, texts[i], strlen(texts[i])), -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_is_unpacked),
        cmocka_unit_test(a_bomb_is_refused_at_its_bound),
        cmocka_unit_test(what_is_damaged_is_refused),
        cmocka_unit_test(encodings_are_told_apart),
        cmocka_unit_test(base64_is_read),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
