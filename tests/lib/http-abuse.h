/* What no client that means well sends: heads that are none, lengths that lie, bodies that unpack to a thousand times
 * their size. Made from a few words at run time; none of them is an input that any program is known to fall over. */
#ifndef BT_TESTS_HTTP_ABUSE_H
#define BT_TESTS_HTTP_ABUSE_H

#include <stddef.h>

typedef struct http_abuse {
    const char *name;
    char *bytes; /* what is sent */
    size_t size;
} http_abuse;

/* All kinds, `count` of them; for as long as the program runs. Prints and aborts where memory is short. */
const http_abuse *http_abuse_all(size_t *count);

#endif
