/* What a report writes to a stream, as text. */
#ifndef BT_TESTS_REPORT_TEXT_H
#define BT_TESTS_REPORT_TEXT_H

#include <stddef.h>
#include <stdio.h>

typedef struct text_stream {
    FILE *out;
    char *text;
    size_t size;
} text_stream;

/* A stream into memory, for whatever writes to one. */
FILE *text_stream_open(text_stream *stream);

/* What was written, for the caller to free. */
char *text_stream_close(text_stream *stream);

#endif
