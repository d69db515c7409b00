/* Sessions of the built-in networks with their demo weights, on the CPU: what tests of backends open. */
#ifndef BT_TESTS_DEMO_SESSION_H
#define BT_TESTS_DEMO_SESSION_H

#include "backend/backend.h"

/* On squares of `side` pixels. What is not named here is unset: the test sets what it is about. */
bt_session_options demo_session(const char *backend, const char *model, bt_path path, int side);

/* Fails the test where the session does not open. */
bt_session *open_session(bt_session_options options);

#endif
