/* Who may ask for what, and what is written down of it: keys, origins of pages, the access log. One for a server's
 * life, opened before it listens; SIGHUP has it read and opened anew. */
#ifndef BT_HTTP_ACCESS_H
#define BT_HTTP_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "http/access-line.h"
#include "http/route.h"
#include "settings/http.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_access bt_access;

/* Reads the key files and opens the access log that the settings name. What is wrong later, while it serves, is told
 * in `log`, which may be NULL and must outlive it, as the settings must. The caller closes *out, after the server. BT_INVALID,
 * BT_PARSE and BT_IO name the option. */
BT_MUST_USE bt_status bt_access_open(bt_access **out, const bt_http_settings *settings, bt_log *log,
                                     bt_error *error);
void bt_access_close(bt_access **access); /* NULL-safe; nulls */

/* SIGHUP: reads the key files whether they have changed or not, and opens the access log anew. What fails is told, and
 * goes on as it was. Any thread. */
void bt_access_reopen(bt_access *access);

/* Reads key files that have changed; to be called now and then. Any thread. */
void bt_access_look(bt_access *access);

/* Whether the header Authorization (NULL: there is none) lets somebody in to `target`, and who it is: "" where no key
 * was asked for. */
bool bt_access_admits(bt_access *access, bt_http_target target, const char *authorization,
                      char name[BT_NAME_SIZE]);

/* Whether pages of that origin (NULL: none was sent) may read answers, and whether there are such pages at all. */
bool bt_access_allows_origin(const bt_access *access, const char *origin);
bool bt_access_has_origins(const bt_access *access);

bool bt_access_logs(const bt_access *access);
void bt_access_write(bt_access *access, const bt_access_line *line);

/* Another number at each call, for ids of requests and spans. Nobody's secret. */
uint64_t bt_access_number(bt_access *access);

/* Since it was opened. */
typedef struct bt_access_counts {
    int64_t refused; /* requests without a key that lets them in */
    int64_t log_lines, log_lines_dropped;
} bt_access_counts;
bt_access_counts bt_access_count(bt_access *access);

#ifdef __cplusplus
}
#endif
#endif
