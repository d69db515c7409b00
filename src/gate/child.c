#include "gate/child.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/text.h"

#define POLL_MS   100
#define CHUNK     65536
#define TAIL_SIZE 2048

extern char **environ;

struct bt_child {
    char name[128];
    const volatile sig_atomic_t *stop;
    pid_t pid;     /* 0: reaped */
    int how;       /* it ended, once reaped */
    int socket;    /* its standard input and output */
    int stderr_fd; /* a file in memory that receives its standard error */
    char *text;    /* what it printed and nobody has taken */
    size_t size, room, taken;
};

/* ---- starting and ending ---- */

static bt_status spawn(bt_child *c, const char *const *argv, int its_end, bt_error *error) {
    posix_spawn_file_actions_t files;
    int failed = posix_spawn_file_actions_init(&files);
    if (!failed) {
        failed = posix_spawn_file_actions_adddup2(&files, its_end, STDIN_FILENO);
        if (!failed) failed = posix_spawn_file_actions_adddup2(&files, its_end, STDOUT_FILENO);
        if (!failed) failed = posix_spawn_file_actions_adddup2(&files, c->stderr_fd, STDERR_FILENO);
        if (!failed) failed = posix_spawnp(&c->pid, argv[0], &files, NULL, (char *const *)argv, environ);
        posix_spawn_file_actions_destroy(&files);
    }
    if (!failed) return BT_OK;
    c->pid = 0;
    return bt_fail(error, failed == ENOENT || failed == EACCES ? BT_UNSUPPORTED : BT_IO,
                   "%s cannot be started: %s", argv[0], bt_text_system_error(failed));
}

bt_status bt_child_open(bt_child **out, const char *const *argv, const volatile sig_atomic_t *stop,
                        bt_error *error) {
    int ends[2] = {-1, -1};
    bt_child *c = *out = calloc(1, sizeof *c);
    if (!c) return bt_no_memory(error, "%s", argv[0]);
    snprintf(c->name, sizeof c->name, "%s", argv[0]);
    c->stop = stop;
    c->stderr_fd = memfd_create("stderr", MFD_CLOEXEC);
    bool made = c->stderr_fd >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
    c->socket = ends[0];
    bt_status status =
        made ? spawn(c, argv, ends[1], error)
             : bt_fail(error, BT_IO, "%s: cannot make a socket: %s", argv[0], bt_text_system_error(errno));
    if (ends[1] >= 0) close(ends[1]);
    if (status != BT_OK) bt_child_close(out);
    return status;
}

static void reap(bt_child *c) {
    if (c->pid == 0) return;
    while (waitpid(c->pid, &c->how, 0) < 0 && errno == EINTR) {
    }
    c->pid = 0;
}

void bt_child_close(bt_child **child) {
    if (!child || !*child) return;
    bt_child *c = *child;
    if (c->pid) kill(c->pid, SIGKILL);
    reap(c);
    if (c->socket >= 0) close(c->socket);
    if (c->stderr_fd >= 0) close(c->stderr_fd);
    free(c->text);
    free(c);
    *child = NULL;
}

/* The last line of its standard error; "" for none. */
static void last_error_line(const bt_child *c, char *out, size_t size) {
    char tail[TAIL_SIZE];
    off_t length = lseek(c->stderr_fd, 0, SEEK_END);
    off_t from = length > TAIL_SIZE - 1 ? length - (TAIL_SIZE - 1) : 0;
    ssize_t got = length > 0 ? pread(c->stderr_fd, tail, TAIL_SIZE - 1, from) : 0;
    tail[got > 0 ? got : 0] = '\0';
    while (got > 0 && tail[got - 1] == '\n')
        tail[--got] = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(out, size, "%s", line ? line + 1 : tail);
}

/* Reaps a program that closed its output, and says how it ended. */
static bt_status tell_end(bt_child *c, bt_error *error) {
    char line[160];
    reap(c);
    last_error_line(c, line, sizeof line);
    const char *joint = line[0] ? ": " : "";
    if (WIFSIGNALED(c->how))
        return bt_fail(error, BT_BACKEND, "%s was ended by signal %d (%s)%s%s", c->name, WTERMSIG(c->how),
                       strsignal(WTERMSIG(c->how)), joint, line);
    if (WEXITSTATUS(c->how) == 2 && line[0]) return bt_fail(error, BT_INVALID, "%s", line);
    return bt_fail(error, BT_BACKEND, "%s ended with status %d%s%s", c->name, WEXITSTATUS(c->how), joint,
                   line);
}

/* ---- talking ---- */

bt_status bt_child_send(bt_child *c, const char *line, bt_error *error) {
    char text[256];
    int length = snprintf(text, sizeof text, "%s\n", line);
    for (ssize_t sent = 0, more; sent < length; sent += more) {
        more = send(c->socket, text + sent, (size_t)(length - sent), MSG_NOSIGNAL);
        if (more < 0 && errno == EINTR) more = 0;
        if (more < 0) return tell_end(c, error);
    }
    return BT_OK;
}

static bt_status make_room(bt_child *c, bt_error *error) {
    if (c->taken > 0) memmove(c->text, c->text + c->taken, c->size - c->taken);
    c->size -= c->taken;
    c->taken = 0;
    if (c->size + CHUNK + 1 <= c->room) return BT_OK;
    if (c->size + CHUNK > BT_CHILD_OUTPUT_MAX)
        return bt_fail(error, BT_PARSE, "%s printed more than %d MiB", c->name, BT_CHILD_OUTPUT_MAX >> 20);
    char *grown = bt_array_grow(c->text, c->size, CHUNK + 1, &c->room, 1);
    if (!grown) return bt_no_memory(error, "what %s prints", c->name);
    c->text = grown;
    return BT_OK;
}

/* Waits for more; *ended where there will be none. */
static bt_status take(bt_child *c, int64_t until_ns, bool *ended, bt_error *error) {
    bt_status status = make_room(c, error);
    while (status == BT_OK) {
        struct pollfd ready = {.fd = c->socket, .events = POLLIN};
        int count = poll(&ready, 1, POLL_MS);
        if (c->stop && *c->stop) return bt_fail(error, BT_CLOSED, "interrupted");
        if (count <= 0 && bt_clock_now_ns() > until_ns)
            return bt_fail(error, BT_TIMEOUT,
                           "%s was silent for too long and was killed: smaller --batches or a smaller "
                           "--image-size take less",
                           c->name);
        if (count <= 0) continue;
        ssize_t got = recv(c->socket, c->text + c->size, CHUNK, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got > 0) c->size += (size_t)got;
        c->text[c->size] = '\0';
        *ended = got <= 0;
        break;
    }
    return status;
}

bt_status bt_child_line(bt_child *c, int64_t timeout_ns, const char **line, bt_error *error) {
    int64_t until_ns = bt_clock_now_ns() + timeout_ns;
    for (;;) {
        char *start = c->text + c->taken;
        char *end = c->size > c->taken ? memchr(start, '\n', c->size - c->taken) : NULL;
        bool ended = false;
        if (end) {
            *end = '\0';
            c->taken = (size_t)(end - c->text) + 1;
            *line = start;
            return BT_OK;
        }
        bt_status status = take(c, until_ns, &ended, error);
        if (status != BT_OK) return status;
        if (ended) return tell_end(c, error);
    }
}

bt_status bt_child_run(const char *const *argv, int64_t timeout_ns, const volatile sig_atomic_t *stop,
                       char **out, bt_error *error) {
    bt_child *c;
    int64_t until_ns = bt_clock_now_ns() + timeout_ns;
    bool ended = false;
    *out = NULL;
    bt_status status = bt_child_open(&c, argv, stop, error);
    if (status == BT_OK) shutdown(c->socket, SHUT_WR);
    while (status == BT_OK && !ended)
        status = take(c, until_ns, &ended, error);
    if (status == BT_OK) reap(c);
    if (status == BT_OK && !(WIFEXITED(c->how) && WEXITSTATUS(c->how) == 0)) status = tell_end(c, error);
    if (status == BT_OK) {
        *out = c->text;
        c->text = NULL;
    }
    bt_child_close(&c);
    return status;
}
