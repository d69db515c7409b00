/* One request through libcurl: how a handle is set up, and what its answer was. Internal to client/. */
#ifndef BT_CLIENT_EASY_H
#define BT_CLIENT_EASY_H

#include "client/client.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <curl/curl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a handle has received so far; it must not move while the handle is in use. */
typedef struct bt_easy_answer {
    uint8_t *body; /* owned; NUL-terminated */
    size_t size, room;
    size_t json_size;
    char words[CURL_ERROR_SIZE];
} bt_easy_answer;

/* libcurl's own start, once a process. */
bool bt_easy_start(void);

/* A handle that fills `answer`, and gives up after `limit_ms`. NULL where memory is short. */
CURL *bt_easy_open(bt_easy_answer *answer, int64_t limit_ms);

/* Before each request. */
void bt_easy_begin(bt_easy_answer *answer);
/* Frees what was received. */
void bt_easy_forget(bt_easy_answer *answer);

/* It could not be sent to its end because the server had closed the connection that it had kept, and nothing was
 * answered. (What was sent and then not answered, libcurl sends anew by itself.) */
bool bt_easy_unsent(const bt_easy_answer *answer, CURL *easy, CURLcode code);

/* What became of it; `easy` may be NULL where it was never begun. */
void bt_easy_read(const bt_easy_answer *answer, CURL *easy, CURLcode code, bt_client_answer *out);

#ifdef __cplusplus
}
#endif
#endif
#endif
