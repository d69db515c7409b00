#include "http/access-log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"

/* Copied out of the queue at a time. */
#define AT_ONCE 16
/* How often it is asked, while a pipe takes nothing, whether all is to end. */
#define LOOK_MS 100
/* How long whatever waits at the end may take. */
#define END_NS (2 * BT_NS_PER_S)

struct bt_access_log {
    char path[BT_PATH_SIZE];
    bool standard;
    pthread_t writer;
    bool started;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bt_access_line *lines; /* a ring */
    size_t first, count;
    int file, next; /* `next` is one that was opened anew; -1: none */
    bool ends;
    int64_t ends_ns;
    bt_access_log_counts counts;
};

/* ---- writing: on its thread ---- */

static bool is_over(bt_access_log *log) {
    pthread_mutex_lock(&log->lock);
    const bool over = log->ends && bt_clock_now_ns() >= log->ends_ns;
    pthread_mutex_unlock(&log->lock);
    return over;
}

/* A pipe that has room takes a whole line. */
static bool await_room(bt_access_log *log, int file) {
    struct pollfd room = {.fd = file, .events = POLLOUT};
    do {
        if (is_over(log)) return false;
    } while (poll(&room, 1, LOOK_MS) == 0);
    return true;
}

/* The disk took a part of a line: that is cut off again, where nobody else has appended meanwhile. */
static void take_back(int file, size_t part) {
    struct stat about;
    const off_t end = lseek(file, 0, SEEK_CUR);
    if (end < 0 || fstat(file, &about) != 0 || about.st_size != end) return;
    if (ftruncate(file, end - (off_t)part) != 0) return; /* what is left is the disk's to tell */
}

static bool write_line(bt_access_log *log, int file, const bt_access_line *line) {
    char text[BT_ACCESS_LINE_MAX];
    const size_t size = bt_access_line_write(text, line);
    ssize_t written;
    if (size == 0 || !await_room(log, file)) return false;
    do {
        written = write(file, text, size);
    } while (written < 0 && errno == EINTR);
    if (written > 0 && (size_t)written < size) take_back(file, (size_t)written);
    return written == (ssize_t)size;
}

/* Under the lock: a file that was opened anew takes the other's place. */
static void change_file(bt_access_log *log) {
    if (log->next < 0) return;
    close(log->file);
    log->file = log->next;
    log->next = -1;
}

/* Under the lock. */
static size_t take(bt_access_log *log, bt_access_line out[AT_ONCE]) {
    const size_t count = log->count < AT_ONCE ? log->count : AT_ONCE;
    for (size_t i = 0; i < count; i++)
        out[i] = log->lines[(log->first + i) % BT_ACCESS_LINES_MAX];
    log->first = (log->first + count) % BT_ACCESS_LINES_MAX;
    log->count -= count;
    return count;
}

static void *write_lines(void *argument) {
    bt_access_log *log = argument;
    bt_access_line lines[AT_ONCE];
    pthread_mutex_lock(&log->lock);
    for (;;) {
        while (log->count == 0 && !log->ends && log->next < 0)
            pthread_cond_wait(&log->wake, &log->lock);
        change_file(log);
        const size_t count = take(log, lines);
        const int file = log->file;
        if (count == 0 && log->ends) break;
        pthread_mutex_unlock(&log->lock);
        int written = 0;
        for (size_t i = 0; i < count; i++)
            written += write_line(log, file, &lines[i]);
        pthread_mutex_lock(&log->lock);
        log->counts.written += written;
        log->counts.dropped += (int64_t)count - written;
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* ---- its life ---- */

/* Group and others get what the umask leaves: a log tells who asked what. */
static bt_status open_file(int *out, const bt_access_log *log, bt_error *error) {
    *out = log->standard ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                         : open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (*out >= 0) return BT_OK;
    return bt_fail(error, BT_IO, "--access-log: %s cannot be opened: %s", log->path,
                   bt_text_system_error(errno));
}

/* The program's signals are for its other threads; a reader of the pipe that goes away is told by the write. */
static bt_status start_writer(bt_access_log *log, bt_error *error) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int cause = pthread_create(&log->writer, NULL, write_lines, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    log->started = cause == 0;
    if (log->started) return BT_OK;
    return bt_fail(error, BT_IO, "a thread could not be started: %s", bt_text_system_error(cause));
}

bt_status bt_access_log_open(bt_access_log **out, const char *path, bt_error *error) {
    bt_access_log *log = calloc(1, sizeof *log);
    *out = NULL;
    if (!log) return bt_no_memory(error, "the access log");
    log->file = log->next = -1;
    log->standard = strcmp(path, "-") == 0;
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->wake, NULL);
    log->lines = malloc(BT_ACCESS_LINES_MAX * sizeof *log->lines);
    bt_status status = log->lines ? BT_OK : bt_no_memory(error, "the access log");
    if (status == BT_OK) status = bt_path_join(log->path, error, "%s", path);
    if (status == BT_OK) status = open_file(&log->file, log, error);
    if (status == BT_OK) status = start_writer(log, error);
    *out = log;
    if (status != BT_OK) bt_access_log_close(out);
    return status;
}

void bt_access_log_close(bt_access_log **log) {
    bt_access_log *l = *log;
    if (!l) return;
    *log = NULL;
    pthread_mutex_lock(&l->lock);
    l->ends = true;
    l->ends_ns = bt_clock_now_ns() + END_NS;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    if (l->started) pthread_join(l->writer, NULL);
    if (l->file >= 0) close(l->file);
    if (l->next >= 0) close(l->next);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l->lines);
    free(l);
}

void bt_access_log_add(bt_access_log *log, const bt_access_line *line) {
    pthread_mutex_lock(&log->lock);
    if (log->count < BT_ACCESS_LINES_MAX) {
        log->lines[(log->first + log->count) % BT_ACCESS_LINES_MAX] = *line;
        if (log->count++ == 0) pthread_cond_signal(&log->wake);
    } else {
        log->counts.dropped++;
    }
    pthread_mutex_unlock(&log->lock);
}

/* Lines that wait go where the file is now. */
bt_status bt_access_log_reopen(bt_access_log *log, bt_error *error) {
    int file;
    if (log->standard) return BT_OK;
    bt_status status = open_file(&file, log, error);
    if (status != BT_OK) return status;
    pthread_mutex_lock(&log->lock);
    if (log->next >= 0) close(log->next);
    log->next = file;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    return BT_OK;
}

bt_access_log_counts bt_access_log_count(bt_access_log *log) {
    pthread_mutex_lock(&log->lock);
    const bt_access_log_counts counts = log->counts;
    pthread_mutex_unlock(&log->lock);
    return counts;
}
