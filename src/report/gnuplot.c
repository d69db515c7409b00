#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "report/layout.h"

#define REAP_INTERVAL_NS (2 * BT_NS_PER_MS)

extern char **environ;

/* Starts gnuplot in a process group of its own, with its output going to `write_end`. Returns posix_spawnp's
 * error number. */
static int start(const char *folder, char *const *arguments, int write_end, pid_t *process) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed) return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&files);
        return failed;
    }
    if (!failed) failed = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&files, write_end, 1);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&files, write_end, 2);
    if (!failed) failed = posix_spawn_file_actions_addchdir_np(&files, folder);
    if (!failed) failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (!failed) failed = posix_spawnp(process, arguments[0], &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* Keeps the end of what gnuplot says until it closes its output or `deadline_ns` passes. */
static void read_output(int read_end, int64_t deadline_ns, char said[BT_GNUPLOT_SAID_SIZE]) {
    size_t used = 0;
    for (;;) {
        int64_t left_ns = deadline_ns - bt_clock_now_ns();
        struct pollfd waiting = {.fd = read_end, .events = POLLIN};
        int ready = left_ns > 0 ? poll(&waiting, 1, (int)(left_ns / BT_NS_PER_MS) + 1) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        if (used > BT_GNUPLOT_SAID_SIZE / 2) {
            size_t kept = BT_GNUPLOT_SAID_SIZE / 4;
            memmove(said, said + used - kept, kept);
            used = kept;
        }
        ssize_t got = read(read_end, said + used, BT_GNUPLOT_SAID_SIZE - 1 - used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        used += (size_t)got;
    }
    said[used] = '\0';
}

/* Waits for the process's end; kills its group where that does not come by `deadline_ns`, and returns
 * false. */
static bool reap(pid_t process, int64_t deadline_ns, int *result) {
    for (;;) {
        pid_t reaped = waitpid(process, result, WNOHANG);
        if (reaped == process) return true;
        if (reaped < 0 && errno != EINTR) {
            *result = -1;
            return true;
        }
        int64_t now_ns = bt_clock_now_ns();
        if (now_ns >= deadline_ns) break;
        bt_clock_sleep_until_ns(now_ns + REAP_INTERVAL_NS);
    }
    kill(-process, SIGKILL);
    while (waitpid(process, result, 0) < 0 && errno == EINTR)
        continue;
    return false;
}

/* One line of at most a message's length, from the end: that is where gnuplot names its error. */
static void end_of_output(const char *said, char out[BT_ERROR_MESSAGE_SIZE]) {
    char clean[BT_GNUPLOT_SAID_SIZE];
    bt_layout_clean(said, clean, sizeof clean);
    size_t length = strlen(clean), most = 160;
    bt_layout_clean(length > most ? clean + length - most : clean, out, BT_ERROR_MESSAGE_SIZE);
}

bt_status bt_gnuplot_run(const char *folder, const char *const *scripts, int count, int64_t timeout_ns,
                         char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    said[0] = '\0';
    char **arguments = calloc((size_t)count + 3, sizeof *arguments);
    if (!arguments) return bt_no_memory(error, "starting gnuplot");
    arguments[0] = "gnuplot";
    arguments[1] = "-d";
    for (int i = 0; i < count; i++)
        arguments[i + 2] = (char *)(uintptr_t)scripts[i];

    bt_status status = BT_OK;
    int64_t deadline_ns = bt_clock_now_ns() + timeout_ns;
    int ends[2] = {-1, -1}, result = 0;
    pid_t process = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        status = bt_fail(error, BT_IO, "no pipe to gnuplot: %s", bt_text_system_error(errno));
        goto done;
    }
    int failed = start(folder, arguments, ends[1], &process);
    close(ends[1]);
    if (failed == ENOENT && access(folder, X_OK) == 0) {
        status = bt_fail(
            error, BT_UNSUPPORTED,
            "gnuplot is not installed (Debian: apt-get install gnuplot-nox); its scripts are in %s", folder);
        goto done;
    }
    if (failed) {
        status = bt_fail(error, BT_IO, "gnuplot cannot be started in %s: %s", folder,
                         bt_text_system_error(failed));
        goto done;
    }
    read_output(ends[0], deadline_ns, said);
    char words[BT_ERROR_MESSAGE_SIZE];
    end_of_output(said, words);
    if (!reap(process, deadline_ns, &result))
        status = bt_fail(error, BT_TIMEOUT, "gnuplot was stopped in %s: not done after %.0f s", folder,
                         (double)timeout_ns / BT_NS_PER_S);
    else if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        status = bt_fail(error, BT_IO, "gnuplot failed in %s: %s", folder, words);
done:
    if (ends[0] >= 0) close(ends[0]);
    free(arguments);
    return status;
}
