#include "report/results-index.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "report/document.h"
#include "report/layout.h"
#include "report/palette.h"
#include "report/table.h"
#include "report/whole-file.h"

#define PAGE           "index.html"
#define CACHE          "index.json"
#define SCHEMA_VERSION 1
#define NAME_BYTES     300 /* of a run's record, below the folder: a folder's name has at most 255 */

/* What the page says of one record. */
typedef struct entry {
    char path[NAME_BYTES]; /* of the record, below the folder */
    int64_t size, changed_ns;
    char kind[32], started_at[32], verdict[64], models[512], command[1024];
} entry;

typedef struct listing {
    const char *results;
    entry *entries;
    size_t count, room;
    json_t *known; /* the cache: of each path, what was read last; NULL: none */
} listing;

/* ---- what there is ---- */

static bt_status add_entry(listing *l, const char *path, const struct stat *file, bt_error *error) {
    entry *entries = bt_array_grow(l->entries, l->count, 1, &l->room, sizeof *entries);
    if (!entries) return bt_no_memory(error, "the list of runs");
    l->entries = entries;
    entry *e = &l->entries[l->count++];
    memset(e, 0, sizeof *e);
    snprintf(e->path, sizeof e->path, "%s", path);
    e->size = file->st_size;
    e->changed_ns = file->st_mtim.tv_sec * BT_NS_PER_S + file->st_mtim.tv_nsec;
    return BT_OK;
}

/* Takes a name of the folder if it is a record, or a folder with one. */
static bt_status add_name(listing *l, const char *name, bt_error *error) {
    char path[NAME_BYTES], whole[BT_PATH_SIZE];
    bool file = bt_text_ends_with(name, ".json");
    struct stat found;
    bt_error ignored;
    if (name[0] == '.' || strcmp(name, CACHE) == 0) return BT_OK;
    snprintf(path, sizeof path, file ? "%s" : "%s/record.json", name);
    if (bt_path_join(whole, &ignored, "%s/%s", l->results, path) != BT_OK) return BT_OK;
    if (stat(whole, &found) != 0 || !S_ISREG(found.st_mode)) return BT_OK;
    return add_entry(l, path, &found, error);
}

static bt_status list(listing *l, bt_error *error) {
    DIR *folder = opendir(l->results);
    if (!folder) return bt_fail(error, BT_IO, "%s: %s", l->results, bt_text_system_error(errno));
    bt_status status = BT_OK;
    for (struct dirent *name; status == BT_OK && (name = readdir(folder));)
        status = add_name(l, name->d_name, error);
    closedir(folder);
    return status;
}

/* ---- what it says ---- */

static const bt_error no_error = {BT_OK, ""};

/* A text of `object`, "" where there is none that fits: a record is anybody's file, and may lack anything. */
static void read_text(const json_t *object, const char *key, char *out, size_t size) {
    bt_error ignored = no_error;
    if (bt_json_optional_text(object, key, "", out, size, "", &ignored) != BT_OK) out[0] = '\0';
}

static void read_models(const json_t *record, char *out, size_t size) {
    char whole[2048] = "";
    size_t index, used = 0;
    json_t *model;
    json_array_foreach(json_object_get(record, "models"), index, model) {
        const char *title = json_string_value(json_object_get(model, "title"));
        if (title && used < sizeof whole)
            used += (size_t)snprintf(whole + used, sizeof whole - used, "%s%s", used ? ", " : "", title);
    }
    bt_layout_clean(whole, out, size);
}

static void read_texts(const json_t *object, entry *e) {
    read_text(object, "kind", e->kind, sizeof e->kind);
    read_text(object, "started_at", e->started_at, sizeof e->started_at);
    read_text(object, "verdict", e->verdict, sizeof e->verdict);
    read_text(object, "command", e->command, sizeof e->command);
}

static bool is_as_known(const json_t *known, const entry *e) {
    return json_integer_value(json_object_get(known, "size")) == e->size &&
           json_integer_value(json_object_get(known, "changed_ns")) == e->changed_ns;
}

/* Fills an entry from the cache, or from its record; a kind that stays empty says that it is none. */
static bt_status read_entry(const listing *l, entry *e, bt_error *error) {
    const json_t *known = json_object_get(l->known, e->path);
    if (known && is_as_known(known, e)) {
        read_texts(known, e);
        read_text(known, "models", e->models, sizeof e->models);
        return BT_OK;
    }
    char path[BT_PATH_SIZE];
    json_t *record = NULL;
    bt_status status = bt_path_join(path, error, "%s/%s", l->results, e->path);
    if (status == BT_OK) status = bt_json_load(&record, path, error);
    if (status == BT_NO_MEMORY) return status;
    if (status != BT_OK) return BT_OK;
    read_texts(record, e);
    read_models(record, e->models, sizeof e->models);
    json_decref(record);
    return BT_OK;
}

/* Without a cache every record is read: a broken one costs time, no more. */
static bt_status load_cache(listing *l, bt_error *error) {
    char path[BT_PATH_SIZE];
    json_t *top = NULL;
    bt_error ignored = no_error;
    bt_status status = bt_path_join(path, error, "%s/" CACHE, l->results);
    if (status != BT_OK || bt_file_check_regular(path, &ignored) != BT_OK) return status;
    if (bt_json_load(&top, path, &ignored) == BT_NO_MEMORY)
        return bt_fail(error, BT_NO_MEMORY, "%s", ignored.message);
    if (json_integer_value(json_object_get(top, "schema_version")) == SCHEMA_VERSION)
        l->known = json_incref(json_object_get(top, "runs"));
    json_decref(top);
    return BT_OK;
}

/* JSON holds UTF-8 only, and a folder's name may be anything; and what could not be read is tried again. */
static bool can_be_kept(const entry *e) {
    char clean[NAME_BYTES + 8];
    bt_layout_clean(e->path, clean, sizeof clean);
    return e->kind[0] && strcmp(clean, e->path) == 0;
}

static json_t *cache_of(const listing *l) {
    json_t *runs = json_object();
    for (size_t i = 0; runs && i < l->count; i++) {
        const entry *e = &l->entries[i];
        if (!can_be_kept(e)) continue;
        json_t *known =
            json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "size", (json_int_t)e->size, "changed_ns",
                      (json_int_t)e->changed_ns, "kind", e->kind, "started_at", e->started_at, "verdict",
                      e->verdict, "models", e->models, "command", e->command);
        if (json_object_set_new(runs, e->path, known) == 0) continue;
        json_decref(runs);
        return NULL;
    }
    return runs;
}

static bt_status save_cache(const listing *l, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_path_join(path, error, "%s/" CACHE, l->results);
    if (status != BT_OK) return status;
    json_t *runs = cache_of(l);
    json_t *top = runs ? json_pack("{s:i, s:o}", "schema_version", SCHEMA_VERSION, "runs", runs) : NULL;
    if (!top) return bt_no_memory(error, "%s", path);
    status = bt_json_save(top, path, false, error);
    json_decref(top);
    return status;
}

/* ---- the page ---- */

static const struct {
    const char *kind, *words;
} kinds[] = {
    {"sweep", "tuning"}, {"load", "load test"}, {"gate", "gate: record"}, {"gate-verdict", "gate: verdict"}};

static const char *kind_words(const char *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0) return kinds[i].words;
    return NULL;
}

/* "✓ good": the mark says it at a glance. */
static void add_verdict(bt_table *table, const char *verdict) {
    static const char *const good[] = {"good", "same", "faster", "declared"};
    static const char *const bad[] = {"sla-broken", "slower", "failed"};
    const char *mark = BT_SIGN_NOT_SHOWN;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (strcmp(verdict, good[i]) == 0) mark = BT_SIGN_MET;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strcmp(verdict, bad[i]) == 0) mark = BT_SIGN_BROKEN;
    if (verdict[0])
        bt_table_text(table, "%s %s", mark, verdict);
    else
        bt_table_unknown(table);
}

/* The best form of it that is there: a page, a report, the record. */
static void find_page(const listing *l, const entry *e, char out[NAME_BYTES]) {
    static const char *const pages[] = {"report.html", "report.md"};
    char path[BT_PATH_SIZE];
    bt_error ignored;
    const char *slash = strchr(e->path, '/');
    for (size_t i = 0; slash && i < sizeof pages / sizeof *pages; i++) {
        snprintf(out, NAME_BYTES, "%.*s/%s", (int)(slash - e->path), e->path, pages[i]);
        if (bt_path_join(path, &ignored, "%s/%s", l->results, out) == BT_OK && bt_file_exists(path)) return;
    }
    snprintf(out, NAME_BYTES, "%s", e->path);
}

static void add_row(bt_table *table, const listing *l, const entry *e) {
    char page[NAME_BYTES], name[NAME_BYTES];
    const char *kind = kind_words(e->kind);
    find_page(l, e, page);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(e->path, "/"), e->path);
    bt_table_link(table, page, name);
    bt_table_text(table, "%s", e->started_at);
    bt_table_text(table, "%s", kind ? kind : "unreadable");
    add_verdict(table, kind ? e->verdict : "");
    bt_table_text(table, "%s", e->models);
    bt_table_text(table, e->command[0] ? "`%s`" : "%s", e->command);
}

static void put_page(const listing *l, FILE *out, bt_document *d) {
    static const bt_column columns[] = {{"run", false},     {"started", false}, {"kind", false},
                                        {"verdict", false}, {"models", false},  {"repeat with", false}};
    bt_table *table = NULL;
    d->out = out;
    bt_document_begin(d, "Runs");
    bt_document_paragraph(d, "%zu %s, the newest first.", l->count, l->count == 1 ? "run" : "runs");
    d->status = bt_table_open(&table, columns, sizeof columns / sizeof *columns, d->error);
    for (size_t i = 0; d->status == BT_OK && i < l->count; i++)
        add_row(table, l, &l->entries[i]);
    if (d->status == BT_OK) bt_document_table(d, &table);
}

static bt_status save_page(const listing *l, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_whole_file file;
    bt_document document = {.form = BT_DOCUMENT_HTML, .error = error};
    bt_status status = bt_path_join(path, error, "%s/" PAGE, l->results);
    if (status != BT_OK) return status;
    status = bt_whole_file_open(&file, "the page over all runs", error);
    if (status == BT_OK) {
        put_page(l, file.out, &document);
        status = bt_document_end(&document);
    }
    return bt_whole_file_close(&file, status, path, error);
}

/* Times are ISO 8601, so that their order is that of their letters. What has none comes last. */
static int newest_first(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = strcmp(y->started_at, x->started_at);
    return order ? order : strcmp(x->path, y->path);
}

/* Leaves out files that are no record of this program's. A run's record that is broken stays: somebody will
 * miss it. */
static void drop_other_files(listing *l) {
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (kind_words(l->entries[i].kind) || strchr(l->entries[i].path, '/'))
            l->entries[kept++] = l->entries[i];
    l->count = kept;
}

/* A page over nothing is wanted only where there was one over something. */
static bt_status check_empty(const char *results, bt_error *error) {
    char page[BT_PATH_SIZE];
    bt_status status = bt_path_join(page, error, "%s/" PAGE, results);
    if (status != BT_OK || bt_file_exists(page)) return status;
    return bt_fail(error, BT_INVALID,
                   "%s: holds no run (RUN/record.json); give the folder that --results named", results);
}

bt_status bt_results_index_write(const char *results, bt_error *error) {
    listing l = {.results = results};
    bt_status status = list(&l, error);
    if (status == BT_OK) status = load_cache(&l, error);
    for (size_t i = 0; status == BT_OK && i < l.count; i++)
        status = read_entry(&l, &l.entries[i], error);
    drop_other_files(&l);
    if (status == BT_OK && l.count == 0) status = check_empty(results, error);
    if (status == BT_OK && l.count > 0) qsort(l.entries, l.count, sizeof *l.entries, newest_first);
    if (status == BT_OK) status = save_page(&l, error);
    if (status == BT_OK) status = save_cache(&l, error);
    json_decref(l.known);
    free(l.entries);
    return status;
}

void bt_results_index_refresh(const char *results, bt_log *log) {
    bt_error error = no_error;
    if (bt_results_index_write(results, &error) != BT_OK)
        bt_log_write(log, BT_LOG_WARNING, "no page over all runs: %s", error.message);
}

void bt_results_index_refresh_beside(const char *path, bt_log *log) {
    char folder[BT_PATH_SIZE], page[BT_PATH_SIZE];
    bt_error ignored;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (slash == path) snprintf(folder, sizeof folder, "/");
    if (bt_path_join(page, &ignored, "%s/" PAGE, folder) == BT_OK && bt_file_exists(page))
        bt_results_index_refresh(folder, log);
}
