/* Sockets of a test's own, on this host alone. */
#ifndef BT_TESTS_LOOPBACK_H
#define BT_TESTS_LOOPBACK_H

#define LOOPBACK_URL_SIZE 64

/* One that listens at a port of the system's choice, which `url` names (NULL: nobody asks). The caller closes it. */
int loopback_listen(char url[LOOPBACK_URL_SIZE]);

#endif
