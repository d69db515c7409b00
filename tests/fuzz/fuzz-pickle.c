/* A pickle by itself: the archive around it would hide it behind a checksum. */
#include "input.h"
#include "networks/pickle.h"

static void walk(const bt_pickle *pickle, int node, int depth) {
    if (node == BT_NO_NODE || depth > 20) return;
    (void)bt_pickle_find(pickle, node, "state_dict");
    for (int i = 0, child; (child = bt_pickle_child(pickle, node, i)) != BT_NO_NODE && i < 100; i++)
        walk(pickle, child, depth + 1 + i / 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_pickle *pickle = NULL;
    bt_error error;
    if (bt_pickle_open(&pickle, data, size, "input", &error) != BT_OK) return 0;
    walk(pickle, pickle->root, 0);
    bt_pickle_close(&pickle);
    return 0;
}
