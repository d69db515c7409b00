/* write-checkpoint: a network's built-in weights as a file, for tests of what takes checkpoints.
 *
 *   build/tests/write-checkpoint hrnet counter:7 hrnet.safetensors
 *   build/tests/write-checkpoint hrnet counter:7 two.safetensors model counter:8 ema     # two, behind
 * prefixes */
#include <stdio.h>

#include "checkpoint-file.h"

#define COPIES_MAX 4

int main(int argc, char **argv) {
    bt_network *network = NULL;
    bt_error error = {BT_OK, ""};
    checkpoint_file_copy copies[COPIES_MAX] = {{.prefix = ""}};
    if (argc < 4 || (argc > 4 && argc % 2 == 0) || argc > 3 + 2 * COPIES_MAX) {
        fprintf(stderr,
                "usage: write-checkpoint MODEL demo|counter:SEED FILE [PREFIX [SOURCE PREFIX ...]]\n");
        return 2;
    }
    int count = 1;
    copies[0] = (checkpoint_file_copy){.source = argv[2], .prefix = argc > 4 ? argv[4] : ""};
    for (int i = 5; i + 1 < argc; i += 2)
        copies[count++] = (checkpoint_file_copy){.source = argv[i], .prefix = argv[i + 1]};
    bt_status status = bt_network_open(&network, argv[1], &error);
    if (status == BT_OK) status = checkpoint_file_write(argv[3], network, copies, count, &error);
    if (status != BT_OK) fprintf(stderr, "write-checkpoint: %s\n", error.message);
    bt_network_close(&network);
    return status == BT_OK ? 0 : 1;
}
