#include "made-up-cores.h"

bt_cores made_up_cores(int count) {
    bt_cores cores = {.count = count, .cpus = count};
    CPU_ZERO(&cores.mask);
    for (int cpu = 0; cpu < count; cpu++)
        CPU_SET((size_t)cpu, &cores.mask);
    return cores;
}
