/* What a service manager is told and tells: by a socket and an environment made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/systemd.h"
#include "expect.h"

#define ROOM 256

/* A manager's socket under an abstract name; -1 where there are none. */
static int listen_as(const char *name) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(at.sun_path + 1, name, strlen(name));
    const size_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    assert_int_equal(bind(manager, (struct sockaddr *)&at, (socklen_t)size), 0);
    return manager;
}

static void hears(int manager, char *out) {
    const ssize_t size = recv(manager, out, ROOM - 1, MSG_DONTWAIT);
    out[size > 0 ? size : 0] = '\0';
}

static void the_manager_is_told(void **state) {
    (void)state;
    char heard[ROOM], name[64], variable[65];
    snprintf(name, sizeof name, "batchtune-test-%d", getpid());
    snprintf(variable, sizeof variable, "@%s", name);
    const int manager = listen_as(name);
    setenv("NOTIFY_SOCKET", variable, 1);
    bt_systemd_notify("READY=1\nSTATUS=serving");
    hears(manager, heard);
    assert_string_equal(heard, "READY=1\nSTATUS=serving");
    const long long before_us = (long long)(bt_clock_now_ns() / BT_NS_PER_US);
    bt_systemd_notify_reloading();
    hears(manager, heard);
    says(heard, "RELOADING=1\nMONOTONIC_USEC=");
    assert_true(atoll(strrchr(heard, '=') + 1) >= before_us);
    close(manager);
    bt_systemd_notify("READY=1"); /* nobody is there: nothing happens */
    unsetenv("NOTIFY_SOCKET");
}

static void without_a_manager_nothing_happens(void **state) {
    (void)state;
    int listener;
    bt_error error;
    unsetenv("NOTIFY_SOCKET");
    bt_systemd_notify("READY=1");
    setenv("NOTIFY_SOCKET", "neither path nor name", 1);
    bt_systemd_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(bt_systemd_watchdog_ns(), 0);
    assert_int_equal(bt_systemd_listener(&listener, &error), BT_OK);
    assert_int_equal(listener, -1);
}

static void give_pid(const char *variable, int pid) {
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    setenv(variable, text, 1);
}

static void the_watchdog_is_this_process_s(void **state) {
    (void)state;
    setenv("WATCHDOG_USEC", "3000000", 1);
    unsetenv("WATCHDOG_PID");
    assert_int_equal(bt_systemd_watchdog_ns(), 3 * BT_NS_PER_S);
    give_pid("WATCHDOG_PID", getpid() + 1);
    assert_int_equal(bt_systemd_watchdog_ns(), 0);
    give_pid("WATCHDOG_PID", getpid());
    assert_int_equal(bt_systemd_watchdog_ns(), 3 * BT_NS_PER_S);
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(bt_systemd_watchdog_ns(), 0);
}

static void one_socket_is_taken(void **state) {
    (void)state;
    int listener;
    bt_error error;
    setenv("LISTEN_FDS", "1", 1);
    give_pid("LISTEN_PID", getpid());
    assert_int_equal(bt_systemd_listener(&listener, &error), BT_OK);
    assert_int_equal(listener, 3);
    assert_null(getenv("LISTEN_FDS")); /* nobody else is to take it */
    setenv("LISTEN_FDS", "1", 1);
    give_pid("LISTEN_PID", getpid() + 1);
    assert_int_equal(bt_systemd_listener(&listener, &error), BT_OK);
    assert_int_equal(listener, -1);
    setenv("LISTEN_FDS", "2", 1);
    give_pid("LISTEN_PID", getpid());
    assert_int_equal(bt_systemd_listener(&listener, &error), BT_INVALID);
    says(error.message, "2 sockets were handed over, and one is taken");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manager_is_told),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(the_watchdog_is_this_process_s),
        cmocka_unit_test(one_socket_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
