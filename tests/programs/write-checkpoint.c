/* write-checkpoint: a network's built-in weights as a file, for tests of what takes checkpoints.
 *
 *   build/tests/write-checkpoint hrnet counter:7 hrnet.safetensors
 */
#include <stdio.h>

#include "checkpoint-file.h"

int main(int argc, char **argv) {
    bt_network *network = NULL;
    bt_error error = {BT_OK, ""};
    if (argc != 4) {
        fprintf(stderr, "usage: write-checkpoint MODEL demo|counter:SEED FILE\n");
        return 2;
    }
    bt_status status = bt_network_open(&network, argv[1], &error);
    if (status == BT_OK) status = checkpoint_file_write(argv[3], network, argv[2], &error);
    if (status != BT_OK) fprintf(stderr, "write-checkpoint: %s\n", error.message);
    bt_network_close(&network);
    return status == BT_OK ? 0 : 1;
}
