#include "report-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

FILE *text_stream_open(text_stream *stream) {
    *stream = (text_stream){0};
    stream->out = open_memstream(&stream->text, &stream->size);
    assert_non_null(stream->out);
    return stream->out;
}

char *text_stream_close(text_stream *stream) {
    assert_int_equal(fclose(stream->out), 0);
    return stream->text;
}
