/* A line of the access log: what is told of one request and its answer, as a JSON object. No key, no picture and no query
 * is ever in it; whatever a stranger sent is cut to a bound. */
#ifndef BT_HTTP_ACCESS_LINE_H
#define BT_HTTP_ACCESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "http/trace-context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_REQUEST_ID_SIZE 129

typedef struct bt_access_line {
    char time[32]; /* when the answer had left: UTC, to the millisecond */
    char id[BT_REQUEST_ID_SIZE];
    char method[16], path[192], model[BT_NAME_SIZE];
    char key[BT_NAME_SIZE];      /* the name of the key that let it in; "": none */
    int status;                  /* 0: it was cut off before it had an answer */
    int64_t bytes_in, bytes_out; /* of the bodies, packed as they were sent */
    double latency_ms;           /* from its head to the last byte of its answer */
    int batch_size;              /* 0: no inference */
    char mode[24];
    char error[192];
    char trace_id[BT_TRACE_ID_SIZE], span_id[BT_SPAN_ID_SIZE]; /* "": none came with it */
} bt_access_line;

/* The longest line, with its newline: a pipe takes so many bytes whole or not at all. */
#define BT_ACCESS_LINE_MAX 4096

/* Writes the line and a newline; 0 where memory is short, else its length. */
size_t bt_access_line_write(char out[BT_ACCESS_LINE_MAX], const bt_access_line *line);

/* "2026-01-31T12:34:56.789Z" of the nanoseconds since 1970. */
void bt_access_time(char out[32], int64_t unix_ns);

/* Whether a request's id is told on: 1 to 128 letters, digits and any of -._~:/+=@. Another one is not taken. */
bool bt_request_id_is_good(const char *id);

#ifdef __cplusplus
}
#endif
#endif
