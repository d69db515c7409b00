/* Cores for tests whose outcome must not depend on those of the machine. */
#ifndef BT_TESTS_MADE_UP_CORES_H
#define BT_TESTS_MADE_UP_CORES_H

#include "base/cores.h"

/* The CPUs from 0 on, all of them this process's, without a quota. */
bt_cores made_up_cores(int count);

#endif
