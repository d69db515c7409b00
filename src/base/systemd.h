/* What a program and systemd, which started it, say to each other: that it is ready, that it stops, and which socket it
 * was given. Both are one line of an interface that systemd promises to keep (sd_notify(3), sd_listen_fds(3)): a
 * datagram to the socket in $NOTIFY_SOCKET, and descriptors from 3 on, counted in $LISTEN_FDS. libsystemd would do no
 * more, and brings three compression libraries into the process for it.
 *
 * Other managers that speak this (s6, podman, a test) are as good. Without one, everything here does nothing. */
#ifndef BT_BASE_SYSTEMD_H
#define BT_BASE_SYSTEMD_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "READY=1", "STATUS=loading"; several lines at a time. Whoever does not hear it is no concern of the program's. */
void bt_systemd_notify(const char *lines);

/* The same before a reload: with the time, by which systemd tells this one from an earlier one. */
void bt_systemd_notify_reloading(void);

/* How long after the last "WATCHDOG=1" systemd takes the program for hung; 0: it does not look. */
int64_t bt_systemd_watchdog_ns(void);

/* The socket that was handed over, the caller's; -1: none was. BT_INVALID where there are several. Forgets it: what the
 * program starts is not handed it too. */
BT_MUST_USE bt_status bt_systemd_listener(int *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
