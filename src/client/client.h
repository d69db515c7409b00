/* HTTP requests to servers, many at a time over connections that are kept: libcurl behind one thread.
 *
 * A load test sends when a request's time has come, whatever the server does, so nothing here waits: a request is
 * handed to a thread that owns every connection (libcurl's multi interface over epoll), and its answer is told from
 * there. A connection that is free is used again; where none is, another is opened. When a request was really
 * begun is told with its answer, so that a thread that cannot keep up shows, and is not taken for the server. */
#ifndef BT_CLIENT_CLIENT_H
#define BT_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_client bt_client;

/* So many requests are under way at once; those beyond wait their turn, and are begun late. Raised, a server that
 * stalls gets more connections (a descriptor each here and there); lowered, a longer queue at the server cannot be
 * made. It is cut to the descriptors that this process may have. */
#define BT_CLIENT_CALLS_MAX 4096

/* What is sent; all of it is borrowed until the answer is told. */
typedef struct bt_client_request {
    const char *url;
    const uint8_t *body;
    size_t size;
    size_t json_size; /* of the body: told as Inference-Header-Content-Length */
} bt_client_request;

typedef struct bt_client_answer {
    int http_status;   /* 0: there was none */
    bool timed_out;    /* within the client's limit */
    const char *words; /* why there is none */
    const uint8_t *body;
    size_t size;
    size_t json_size; /* of the body, where the rest is binary; else 0 */
    int64_t begun_ns, answered_ns;
} bt_client_answer;

/* Called by the client's thread, once for each request; must not wait. The answer is gone after it. */
typedef void (*bt_client_told)(void *context, const bt_client_answer *answer);

/* A request that takes longer than `limit_ms` is given up. BT_IO, BT_NO_MEMORY; BT_UNSUPPORTED where this build is
 * without libcurl. The caller closes it. */
BT_MUST_USE bt_status bt_client_open(bt_client **out, int64_t limit_ms, bt_error *error);

/* What has no answer yet is told as timed out. NULL-safe; nulls. */
void bt_client_close(bt_client **client);

/* POSTs a request. BT_OK: `told` will be called; else it will not. Any thread. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_client_send(bt_client *client, const bt_client_request *request, bt_client_told told,
                                     void *context, bt_error *error);

/* One request whose answer is waited for, on a connection of its own: GET, or a POST without a body. *text is
 * malloc'ed, NUL-terminated and the caller's, NULL on failure; *http_status is what the server said. BT_IO where
 * there was no answer, in one line with the URL; BT_NO_MEMORY, BT_UNSUPPORTED. */
BT_MUST_USE bt_status bt_client_ask(const char *url, bool post, int64_t limit_ms, int *http_status,
                                    char **text, size_t *size, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
