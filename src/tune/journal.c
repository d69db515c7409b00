#include "tune/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"

#define JOURNAL_BYTES_MAX ((size_t)1 << 30)

struct bt_journal {
    int file;
    off_t length; /* of the whole lines */
    char path[BT_PATH_SIZE];
};

/* The length of the file's whole lines. */
static bt_status whole_length(const char *path, off_t *length, bt_error *error) {
    char *text = NULL;
    size_t size = 0;
    *length = 0;
    if (!bt_file_exists(path)) return BT_OK;
    bt_status status = bt_file_check_regular(path, error);
    if (status == BT_OK) status = bt_file_read(path, JOURNAL_BYTES_MAX, &text, &size, error);
    if (status != BT_OK) return status;
    while (size > 0 && text[size - 1] != '\n')
        size--;
    *length = (off_t)size;
    free(text);
    return BT_OK;
}

bt_status bt_journal_open(bt_journal **out, const char *path, bt_error *error) {
    *out = NULL;
    off_t length;
    bt_status status = whole_length(path, &length, error);
    if (status != BT_OK) return status;
    bt_journal *journal = calloc(1, sizeof *journal);
    if (!journal) return bt_no_memory(error, "a journal");
    journal->file = -1;
    journal->length = length;
    status = bt_path_join(journal->path, error, "%s", path);
    if (status != BT_OK) goto failed;
    journal->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (journal->file < 0 || ftruncate(journal->file, length) != 0) {
        status = bt_fail(error, bt_file_write_status(errno), "%s: cannot open the journal: %s", path,
                         bt_text_system_error(errno));
        goto failed;
    }
    *out = journal;
    return BT_OK;
failed:
    bt_journal_close(&journal);
    return status;
}

void bt_journal_close(bt_journal **journal) {
    if (!*journal) return;
    if ((*journal)->file >= 0) close((*journal)->file);
    free(*journal);
    *journal = NULL;
}

static bt_status write_all(const bt_journal *journal, const char *bytes, size_t size, bt_error *error) {
    while (size > 0) {
        ssize_t written = write(journal->file, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0)
            return bt_fail(error, bt_file_write_status(errno), "%s: cannot write the journal: %s",
                           journal->path, bt_text_system_error(errno));
        bytes += written;
        size -= (size_t)written;
    }
    if (fdatasync(journal->file) != 0 && errno != EINVAL)
        return bt_fail(error, bt_file_write_status(errno), "%s: cannot flush the journal: %s", journal->path,
                       bt_text_system_error(errno));
    return BT_OK;
}

bt_status bt_journal_append(bt_journal *journal, json_t *line, bt_error *error) {
    char *text = line ? bt_json_dump(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text) return bt_no_memory(error, "a journal line");
    size_t length = strlen(text);
    text[length] = '\n'; /* in the NUL's place: one write a line */
    bt_status status = write_all(journal, text, length + 1, error);
    free(text);
    if (status == BT_OK)
        journal->length += (off_t)length + 1;
    else if (ftruncate(journal->file, journal->length) != 0) /* half a line must not begin the next one */
        status = bt_fail_at(error, status, "half a line is left in it");
    return status;
}

static bt_status parse_line(json_t *lines, const char *line, size_t size, const char *path, int number,
                            bt_error *error) {
    json_error_t at;
    json_t *object = bt_json_parse(line, size, &at);
    if (!object && at.line < 0) /* jansson's sign for it: a fault without a place */
        return bt_no_memory(error, "a journal");
    if (!json_is_object(object)) {
        bt_status status = bt_fail(error, BT_PARSE, "%s:%d: no journal line: %s", path, number,
                                   object ? "not an object" : at.text);
        json_decref(object);
        return status;
    }
    if (json_array_append_new(lines, object) != 0) return bt_no_memory(error, "a journal");
    return BT_OK;
}

static bt_status parse_lines(json_t *lines, const char *text, size_t size, const char *path,
                             bt_error *error) {
    bt_status status = BT_OK;
    int number = 1;
    for (const char *line = text, *end; line < text + size && status == BT_OK; line = end + 1, number++) {
        end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end) return BT_OK; /* an unfinished line */
        status = parse_line(lines, line, (size_t)(end - line), path, number, error);
    }
    return status;
}

bt_status bt_journal_load(json_t **out, const char *path, bt_error *error) {
    *out = NULL;
    char *text = NULL;
    size_t size = 0;
    bt_status status = bt_file_check_regular(path, error);
    if (status == BT_OK) status = bt_file_read(path, JOURNAL_BYTES_MAX, &text, &size, error);
    if (status != BT_OK) return status;
    json_t *lines = json_array();
    status = lines ? parse_lines(lines, text, size, path, error) : bt_no_memory(error, "a journal");
    free(text);
    if (status != BT_OK) {
        json_decref(lines);
        return status;
    }
    *out = lines;
    return BT_OK;
}
