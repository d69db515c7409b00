#include "base/program.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "base/command.h"

static volatile sig_atomic_t stop, ends_at_once, reload;
static bool begun;

/* Only what a signal's handler may call. */
static void end_now(void) {
    static const char verdict[] = "verdict: interrupted (130)\n";
    (void)!write(STDERR_FILENO, verdict, sizeof verdict - 1);
    _exit(BT_EXIT_INTERRUPTED);
}

/* A second signal, of either kind, has what it does by default: it comes when this returns. */
static void on_signal(int number) {
    if (stop) {
        signal(number, SIG_DFL);
        raise(number);
    } else if (ends_at_once)
        end_now();
    stop = 1;
}

static void on_hangup(int number) {
    (void)number;
    reload = 1;
}

/* Opened the wrong way round: reading it or writing it fails, as it would have with none. */
static void fill(int descriptor) {
    const int way = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    int file = open("/dev/null", way);
    if (file < 0) file = open("/", O_RDONLY); /* where there is no /dev: no file's text either */
    if (file < 0 || file == descriptor) return;
    dup2(file, descriptor);
    close(file);
}

const volatile sig_atomic_t *bt_program_begin(bt_program_signals signals) {
    struct sigaction action = {.sa_flags = SA_RESTART, .sa_handler = on_signal};
    ends_at_once = signals == BT_SIGNALS_END;
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0) fill(descriptor);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    begun = true;
    return &stop;
}

volatile sig_atomic_t *bt_program_reloads(void) {
    const struct sigaction action = {.sa_flags = SA_RESTART, .sa_handler = on_hangup};
    sigaction(SIGHUP, &action, NULL);
    return &reload;
}

void bt_program_waits(bool waits) {
    ends_at_once = waits;
}

bool bt_program_begun(void) {
    return begun;
}

bool bt_program_stopped(void) {
    return stop != 0;
}

void bt_program_host(char *out, size_t size) {
    if (gethostname(out, size) != 0) out[0] = '\0';
    out[size - 1] = '\0'; /* a name that is cut need not end */
}
