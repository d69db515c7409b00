#include "base/systemd.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* Descriptors that are handed over begin behind the standard ones. */
#define FIRST_LISTENER 3

/* ---- what it is told ---- */

/* A path, or a name without one, which begins with @ in the variable and with a zero byte at the kernel. */
static socklen_t address_of(const char *path, struct sockaddr_un *to) {
    const size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length >= sizeof to->sun_path) return 0;
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(to->sun_path, path, length);
    if (path[0] == '@') to->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void bt_systemd_notify(const char *lines) {
    struct sockaddr_un to;
    const char *path = getenv("NOTIFY_SOCKET");
    const socklen_t size = path ? address_of(path, &to) : 0;
    if (size == 0) return;
    const int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (from < 0) return;
    (void)!sendto(from, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&to, size);
    close(from);
}

void bt_systemd_notify_reloading(void) {
    char lines[64];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(bt_clock_now_ns() / BT_NS_PER_US));
    bt_systemd_notify(lines);
}

/* ---- what it tells ---- */

/* 0 where the variable is no number, or there is none. */
static long long number_in(const char *variable) {
    const char *text = getenv(variable);
    char *end = NULL;
    const long long number = text ? strtoll(text, &end, 10) : 0;
    return end && end != text && *end == '\0' ? number : 0;
}

int64_t bt_systemd_watchdog_ns(void) {
    const long long process = number_in("WATCHDOG_PID"), us = number_in("WATCHDOG_USEC");
    if (us <= 0 || us > INT64_MAX / BT_NS_PER_US || (process != 0 && process != getpid())) return 0;
    return us * BT_NS_PER_US;
}

bt_status bt_systemd_listener(int *out, bt_error *error) {
    const bool mine = number_in("LISTEN_PID") == getpid();
    const long long count = number_in("LISTEN_FDS");
    *out = -1;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!mine || count <= 0) return BT_OK;
    if (count > 1)
        return bt_fail(error, BT_INVALID,
                       "%lld sockets were handed over, and one is taken: one ListenStream=", count);
    *out = FIRST_LISTENER;
    return BT_OK;
}
