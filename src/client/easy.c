#include "client/easy.h"

#include <stdlib.h>

#ifdef BT_WITHOUT_FILE_LIBRARIES

bt_status bt_client_ask(const char *url, bool post, int64_t limit_ms, int *http_status, char **text,
                        size_t *size, bt_error *error) {
    (void)url, (void)post, (void)limit_ms;
    *http_status = 0;
    *text = NULL;
    *size = 0;
    return bt_fail(error, BT_UNSUPPORTED, "this build is without libcurl");
}

#else

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/text.h"

/* A longer answer is refused: no server of pictures has one. */
#define ANSWER_MAX    ((size_t)1 << 30)

/* What libcurl reads and sends at once. Raised, large tensors take fewer system calls; lowered, thousands of
 * connections take less memory. */
#define RECEIVE_BYTES (128L << 10)
#define SEND_BYTES    (512L << 10)

static bool started;

static void start(void) {
    started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

bool bt_easy_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    return started;
}

/* ---- receiving ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    bt_easy_answer *answer = context;
    const size_t more = size * count;
    if (answer->size + more > ANSWER_MAX) return 0;
    uint8_t *grown = bt_array_grow(answer->body, answer->size, more + 1, &answer->room, 1);
    if (!grown) return 0;
    answer->body = grown;
    memcpy(answer->body + answer->size, bytes, more);
    answer->size += more;
    answer->body[answer->size] = '\0';
    return more;
}

/* The value of a header line of that name, whatever its case; NULL: it is another. */
static const char *value_of(const char *line, size_t size, const char *name) {
    const size_t length = strlen(name);
    if (size <= length || line[length] != ':' || strncasecmp_l(line, name, length, bt_text_locale()) != 0)
        return NULL;
    const char *value = line + length + 1;
    while (*value == ' ')
        value++;
    return value;
}

/* Lines are no strings; what is read of them ends at the line's own end. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    bt_easy_answer *answer = context;
    char line[128];
    const size_t length = size * count;
    snprintf(line, sizeof line, "%.*s", (int)(length < sizeof line - 1 ? length : sizeof line - 1), bytes);
    const char *json = value_of(line, strlen(line), "Inference-Header-Content-Length");
    if (json) answer->json_size = strtoul(json, NULL, 10);
    return length;
}

/* ---- a handle ---- */

static bool set_up(CURL *easy, bt_easy_answer *answer, int64_t limit_ms) {
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK && /* load goes straight to the server */
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)limit_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, answer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, answer->words) == CURLE_OK;
}

CURL *bt_easy_open(bt_easy_answer *answer, int64_t limit_ms) {
    CURL *easy = bt_easy_start() ? curl_easy_init() : NULL;
    if (!easy || set_up(easy, answer, limit_ms)) return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

void bt_easy_begin(bt_easy_answer *answer) {
    answer->size = answer->json_size = 0;
    answer->words[0] = '\0';
}

void bt_easy_forget(bt_easy_answer *answer) {
    free(answer->body);
    answer->body = NULL;
    answer->size = answer->room = 0;
}

bool bt_easy_unsent(const bt_easy_answer *answer, CURL *easy, CURLcode code) {
    long connected = 1, header = 1;
    if (code != CURLE_SEND_ERROR || answer->size > 0) return false;
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connected);
    curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &header);
    return connected == 0 && header == 0;
}

void bt_easy_read(const bt_easy_answer *answer, CURL *easy, CURLcode code, bt_client_answer *out) {
    long status = 0;
    out->timed_out = code == CURLE_OPERATION_TIMEDOUT;
    out->words = answer->words[0] ? answer->words : curl_easy_strerror(code);
    if (code != CURLE_OK) return;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    out->http_status = (int)status;
    out->body = answer->body;
    out->size = answer->size;
    out->json_size = answer->json_size;
}

/* ---- one that is waited for ---- */

bt_status bt_client_ask(const char *url, bool post, int64_t limit_ms, int *http_status, char **text,
                        size_t *size, bt_error *error) {
    bt_easy_answer answer = {0};
    bt_client_answer told = {0};
    *http_status = 0;
    *text = NULL;
    *size = 0;
    CURL *easy = bt_easy_open(&answer, limit_ms);
    if (!easy) return bt_no_memory(error, "asking %s", url);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (post) curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    bt_easy_begin(&answer);
    const CURLcode code = curl_easy_perform(easy);
    bt_easy_read(&answer, easy, code, &told);
    curl_easy_cleanup(easy);
    if (code == CURLE_OK) {
        *http_status = told.http_status;
        *size = answer.size;
        *text = answer.body ? (char *)answer.body : calloc(1, 1);
        if (*text) return BT_OK;
        return bt_no_memory(error, "an answer of %s", url);
    }
    bt_fail(error, BT_IO, "%s: %s", url, told.words);
    bt_easy_forget(&answer);
    return BT_IO;
}

#endif
