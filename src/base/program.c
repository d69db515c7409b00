#include "base/program.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static bool begun;

/* A second signal, of either kind, has what it does by default: it comes when this returns. */
static void on_signal(int number) {
    if (stop) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop = 1;
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
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = signals == BT_SIGNALS_STOP ? on_signal : SIG_DFL;
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0) fill(descriptor);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    begun = true;
    return &stop;
}

bool bt_program_begun(void) {
    return begun;
}

bool bt_program_stopped(void) {
    return stop != 0;
}
