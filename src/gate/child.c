#include "gate/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define POLL_MS   100
#define CHUNK     65536
#define TAIL_SIZE 2048

extern char **environ;

typedef struct child {
    pid_t pid;
    int output;     /* the end that is read */
    int complaints; /* a file in memory that receives standard error */
    char *text;
    size_t size, room;
} child;

static bt_status start(child *c, const char *const *argv, bt_error *error) {
    int ends[2];
    posix_spawn_file_actions_t files;
    c->complaints = memfd_create("complaints", MFD_CLOEXEC);
    if (c->complaints < 0 || pipe2(ends, O_CLOEXEC) != 0)
        return bt_fail(error, BT_IO, "cannot make a pipe: %s", strerror(errno));
    c->output = ends[0];
    int failed = posix_spawn_file_actions_init(&files);
    if (!failed) {
        failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (!failed) failed = posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
        if (!failed) failed = posix_spawn_file_actions_adddup2(&files, c->complaints, STDERR_FILENO);
        if (!failed) failed = posix_spawnp(&c->pid, argv[0], &files, NULL, (char *const *)argv, environ);
        posix_spawn_file_actions_destroy(&files);
    }
    close(ends[1]);
    if (!failed) return BT_OK;
    c->pid = 0;
    return bt_fail(error, failed == ENOENT || failed == EACCES ? BT_UNSUPPORTED : BT_IO,
                   "%s cannot be started: %s", argv[0], strerror(failed));
}

/* Takes what is there. BT_OK with *ended where that was all. */
static bt_status take(child *c, bool *ended, bt_error *error) {
    if (c->size + CHUNK + 1 > c->room) {
        char *grown = c->size + CHUNK > BT_CHILD_OUTPUT_MAX ? NULL : realloc(c->text, c->room + 2 * CHUNK);
        if (!grown && c->size + CHUNK > BT_CHILD_OUTPUT_MAX)
            return bt_fail(error, BT_PARSE, "printed more than %d MiB", BT_CHILD_OUTPUT_MAX >> 20);
        if (!grown) return bt_fail(error, BT_NO_MEMORY, "out of memory for a program's output");
        c->text = grown;
        c->room += 2 * CHUNK;
    }
    ssize_t got = read(c->output, c->text + c->size, CHUNK);
    if (got < 0 && errno == EINTR) return BT_OK;
    if (got < 0) return bt_fail(error, BT_IO, "cannot be read: %s", strerror(errno));
    c->size += (size_t)got;
    c->text[c->size] = '\0';
    *ended = got == 0;
    return BT_OK;
}

static bt_status read_all(child *c, int64_t timeout_ns, const volatile sig_atomic_t *stop, bt_error *error) {
    int64_t until_ns = bt_clock_now_ns() + timeout_ns;
    bool ended = false;
    while (!ended) {
        struct pollfd ready = {.fd = c->output, .events = POLLIN};
        int count = poll(&ready, 1, POLL_MS);
        if (stop && *stop) return bt_fail(error, BT_CLOSED, "interrupted");
        if (count <= 0 && bt_clock_now_ns() > until_ns)
            return bt_fail(error, BT_TIMEOUT, "ran longer than %.0f s and was killed",
                           (double)timeout_ns / 1e9);
        if (count <= 0) continue;
        bt_status status = take(c, &ended, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

/* The last line of what it complained about; "" for none. */
static void last_complaint(const child *c, char *out, size_t size) {
    char tail[TAIL_SIZE];
    off_t length = lseek(c->complaints, 0, SEEK_END);
    off_t from = length > TAIL_SIZE - 1 ? length - (TAIL_SIZE - 1) : 0;
    ssize_t got = length > 0 ? pread(c->complaints, tail, TAIL_SIZE - 1, from) : 0;
    tail[got > 0 ? got : 0] = '\0';
    while (got > 0 && tail[got - 1] == '\n')
        tail[--got] = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(out, size, "%s", line ? line + 1 : tail);
}

static bt_status judge_end(const child *c, int how, bt_error *error) {
    char complaint[160];
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return BT_OK;
    last_complaint(c, complaint, sizeof complaint);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 127 && !complaint[0])
        return bt_fail(error, BT_UNSUPPORTED, "cannot be started");
    if (WIFSIGNALED(how))
        return bt_fail(error, BT_BACKEND, "was ended by signal %d (%s)%s%s", WTERMSIG(how),
                       strsignal(WTERMSIG(how)), complaint[0] ? ": " : "", complaint);
    return bt_fail(error, BT_BACKEND, "ended with status %d%s%s", WEXITSTATUS(how), complaint[0] ? ": " : "",
                   complaint);
}

bt_status bt_child_run(const char *const *argv, int64_t timeout_ns, const volatile sig_atomic_t *stop,
                       char **out, bt_error *error) {
    child c = {.output = -1, .complaints = -1};
    int how = 0;
    *out = NULL;
    bt_status status = start(&c, argv, error);
    if (status == BT_OK) {
        status = read_all(&c, timeout_ns, stop, error);
        if (status != BT_OK) kill(c.pid, SIGKILL);
        while (waitpid(c.pid, &how, 0) < 0 && errno == EINTR) {
        }
        if (status == BT_OK) status = judge_end(&c, how, error);
        if (status != BT_OK) status = bt_fail_at(error, status, "%s", argv[0]);
    }
    if (c.output >= 0) close(c.output);
    if (c.complaints >= 0) close(c.complaints);
    if (status == BT_OK)
        *out = c.text;
    else
        free(c.text);
    return status;
}
