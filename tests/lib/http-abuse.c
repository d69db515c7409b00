#include "http-abuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define KINDS_MAX  64
#define BOMB_BYTES ((size_t)96 << 20) /* above the least body limit */
#define HEAD       "POST /v2/models/hrnet/infer HTTP/1.1\r\nHost: here\r\n"
#define CHUNKED    HEAD "Transfer-Encoding: chunked\r\n\r\n"

static http_abuse kinds[KINDS_MAX];
static size_t kind_count;

static void must(int good) {
    if (good) return;
    fprintf(stderr, "http-abuse: no memory\n");
    abort();
}

static char *room(size_t size) {
    char *bytes = malloc(size);
    must(bytes != NULL);
    return bytes;
}

static void add(const char *name, char *bytes, size_t size) {
    must(kind_count < KINDS_MAX);
    kinds[kind_count++] = (http_abuse){name, bytes, size};
}

static void add_text(const char *name, const char *text) {
    char *copy = strdup(text);
    must(copy != NULL);
    add(name, copy, strlen(text));
}

/* `before`, so many times `piece`, `after`. */
static void add_many(const char *name, const char *before, const char *piece, size_t times,
                     const char *after) {
    const size_t length = strlen(piece), start = strlen(before), end = strlen(after);
    char *bytes = room(start + times * length + end);
    memcpy(bytes, before, start);
    for (size_t i = 0; i < times; i++)
        memcpy(bytes + start + i * length, piece, length);
    memcpy(bytes + start + times * length, after, end);
    add(name, bytes, start + times * length + end);
}

/* A head with the right length, extra headers, and a body. */
static void add_body(const char *name, const char *headers, const void *body, size_t size) {
    char head[256];
    const int length = snprintf(head, sizeof head, HEAD "%sContent-Length: %zu\r\n\r\n", headers, size);
    char *bytes = room((size_t)length + size);
    memcpy(bytes, head, (size_t)length);
    memcpy(bytes + length, body, size);
    add(name, bytes, (size_t)length + size);
}

static void add_json(const char *name, const char *text) {
    add_body(name, "", text, strlen(text));
}

/* ---- heads ---- */

static void add_noise(const char *name, size_t size, unsigned seed) {
    char *bytes = room(size);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        bytes[i] = (char)(seed >> 16);
    }
    add(name, bytes, size);
}

static void add_heads(void) {
    add_noise("noise", 600, 1);
    add_noise("much noise", 100000, 2);
    add("a handshake of TLS", memcpy(room(11), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 11);
    add("zero bytes", memset(room(4096), 0, 4096), 4096);
    add_text("HTTP 9.9", "GET /v2 HTTP/9.9\r\nHost: here\r\n\r\n");
    add_text("no version", "GET /v2\r\n\r\n");
    add_text("no host", "GET /v2 HTTP/1.1\r\n\r\n");
    add_text("bare line feeds", "GET /v2 HTTP/1.1\nHost: here\n\n");
    add_text("a folded header", "GET /v2 HTTP/1.1\r\nHost: here\r\nA: b\r\n c\r\n\r\n");
    add_text("a header without a colon", "GET /v2 HTTP/1.1\r\nHost here\r\nnonsense\r\n\r\n");
    add_text("a tunnel", "CONNECT there:443 HTTP/1.1\r\nHost: there\r\n\r\n");
    add_text("a trace", "TRACE /v2 HTTP/1.1\r\nHost: here\r\n\r\n");
    add_text("percent signs", "GET /v2/%zz/%/%00/..%2f..%2f HTTP/1.1\r\nHost: here\r\n\r\n");
    add_many("a long path", "GET /", "a", 65536, " HTTP/1.1\r\nHost: here\r\n\r\n");
    add_many("a long method", "", "GET", 4096, " / HTTP/1.1\r\nHost: here\r\n\r\n");
    add_many("many headers", "GET /v2 HTTP/1.1\r\nHost: here\r\n", "A: b\r\n", 20000, "\r\n");
    add_many("an endless header", "GET /v2 HTTP/1.1\r\nHost: here\r\nA: ", "b", 200000, "");
    add_many("many at a time", "", "GET /v2/health/ready HTTP/1.1\r\nHost: here\r\n\r\n", 500, "");
}

/* ---- lengths ---- */

static void add_lengths(void) {
    add_text("a negative length", HEAD "Content-Length: -1\r\n\r\n");
    add_text("a length beyond numbers", HEAD "Content-Length: 99999999999999999999999\r\n\r\nx");
    add_text("a length in words", HEAD "Content-Length: ten\r\n\r\nxxxxxxxxxx");
    add_text("two lengths", HEAD "Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}");
    add_text("a length and chunks", HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    add_text("less than it says", HEAD "Content-Length: 60000000\r\n\r\n{\"inputs\"");
    add_text("a terabyte, it says", HEAD "Content-Length: 1099511627776\r\n\r\n");
    add_many("more than it says", HEAD "Content-Length: 10\r\n\r\n", "more ", 2000, "");
    add_text("asks before it sends", HEAD "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
    add_text("an unknown encoding", HEAD "Transfer-Encoding: rot13\r\n\r\nxxx");
    add_text("chunks of no number", CHUNKED "zz\r\nab\r\n0\r\n\r\n");
    add_text("chunks below zero", CHUNKED "-5\r\nabcde\r\n0\r\n\r\n");
    add_text("chunks beyond numbers", CHUNKED "ffffffffffffffffffff\r\nab");
    add_text("chunks that do not end", CHUNKED "2\r\nabcdef\r\n0\r\n\r\n");
    add_many("a long chunk extension", CHUNKED "1;", "x", 200000, "\r\na\r\n0\r\n\r\n");
    add_many("chunks of a byte", CHUNKED, "1\r\n{\r\n", 50000, "0\r\n\r\n");
    add_many("endless trailers", CHUNKED "0\r\n", "A: b\r\n", 20000, "");
}

/* ---- bodies ---- */

#define INPUT(shape, more)                                                                                   \
    "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", \"shape\": " shape more "}]}"

static void add_bodies(void) {
    static const char file[] = "Inference-Header-Content-Length: 0\r\n";
    static const char large_picture[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0";
    add_json("a brace", "{");
    add_json("no UTF-8", "{\"id\": \"\xff\xfe\"}");
    add_json("huge numbers", INPUT("[1e999]", ", \"data\": [1e400]"));
    add_json("a huge shape", INPUT("[999999999, 999999999, 999999999, 3]", ", \"data\": [1]"));
    add_json("a shape that wraps round", INPUT("[65536, 65536, 65536, 65539]", ", \"data\": []"));
    add_json("an empty shape", INPUT("[0, 0, 0, 3]", ", \"data\": []"));
    add_json("a lying binary size",
             INPUT("[1, 1, 1, 3]", ", \"parameters\": {\"binary_data_size\": 99999999999}"));
    add_body("a lying header length", "Inference-Header-Content-Length: 99999999999\r\n", "{}", 2);
    add_body("a negative header length", "Inference-Header-Content-Length: -3\r\n", "{}", 2);
    add_body("a picture of nothing", file, "\x89PNG", 4);
    add_body("a picture of 30000 x 30000, it says", file, large_picture, sizeof large_picture - 1);
    add_body("a TIFF of nothing", file, "II*\0\xff\xff\xff\xff", 8);
    add_body("a JPEG of nothing", file, "\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff", 11);
    add_many("deep brackets", HEAD "Content-Length: 100000\r\n\r\n", "[", 100000, "");
    add_many("many objects", HEAD "Content-Length: 200000\r\n\r\n", "{}", 100000, "");
}

static void add_bomb(const char *name, const char *headers, int window) {
    char *zeros = calloc(1, BOMB_BYTES);
    must(zeros != NULL);
    z_stream z = {.next_in = (Bytef *)zeros, .avail_in = (uInt)BOMB_BYTES};
    must(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    const size_t bound = deflateBound(&z, BOMB_BYTES);
    char *packed = room(bound);
    z.next_out = (Bytef *)packed;
    z.avail_out = (uInt)bound;
    must(deflate(&z, Z_FINISH) == Z_STREAM_END);
    add_body(name, headers, packed, z.total_out);
    deflateEnd(&z);
    free(packed);
    free(zeros);
}

const http_abuse *http_abuse_all(size_t *count) {
    if (kind_count == 0) {
        add_heads();
        add_lengths();
        add_bodies();
        add_bomb("zeros in gzip", "Content-Encoding: gzip\r\n", 15 + 16);
        add_bomb("zeros in deflate", "Content-Encoding: deflate\r\n", 15);
        add_body("a damaged gzip", "Content-Encoding: gzip\r\n", "\x1f\x8b\x08\0nonsense", 12);
    }
    *count = kind_count;
    return kinds;
}
