/* bench-weights: what loading a checkpoint costs beside reading its file. HRNet's numbers are written as
 * safetensors into $TMPDIR; then the file is read from the page cache into fresh memory, and loaded, in
 * turns. Loading is all of bt_weights_open: the header checked, every tensor found by name, the numbers where
 * a network wants them, and the hash that goes into a config. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "checkpoint-file.h"
#include "measure/quantile.h"
#include "networks/weights.h"

#define ROUNDS 15

static bt_status time_read(const char *path, double *ms, double *bytes, bt_error *error) {
    const int64_t start_ns = bt_clock_now_ns();
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const off_t size = lseek(file, 0, SEEK_END);
    char *room = malloc((size_t)size);
    ssize_t got = 0;
    for (off_t at = 0; room && at < size; at += got)
        if ((got = pread(file, room + at, (size_t)(size - at), at)) <= 0) break;
    *ms = bt_ms(bt_clock_now_ns() - start_ns);
    *bytes = (double)size;
    free(room);
    close(file);
    return got > 0 ? BT_OK : bt_fail(error, BT_IO, "%s: cannot be read", path);
}

static bt_status time_load(const char *path, const bt_network *network, double *ms, bt_error *error) {
    bt_weights *weights;
    const int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_weights_open(&weights, network, path, error);
    *ms = bt_ms(bt_clock_now_ns() - start_ns);
    bt_weights_close(&weights);
    return status;
}

static bt_status compare(const char *path, const bt_network *network, bt_error *error) {
    double read_ms[ROUNDS], load_ms[ROUNDS], ratios[ROUNDS], bytes;
    for (int round = -1; round < ROUNDS; round++) { /* the first turn warms the page cache */
        const int i = round < 0 ? 0 : round;
        bt_status status = time_read(path, &read_ms[i], &bytes, error);
        if (status == BT_OK) status = time_load(path, network, &load_ms[i], error);
        if (status != BT_OK) return status;
        ratios[i] = load_ms[i] / read_ms[i];
    }
    bt_sort(read_ms, ROUNDS);
    bt_sort(load_ms, ROUNDS);
    bt_sort(ratios, ROUNDS);
    printf(
        "%s as safetensors, %.0f MB: read %.1f ms, loaded %.1f ms; ratio %.2f (%.2f to %.2f in %d turns)\n",
        network->title, bytes / 1e6, read_ms[ROUNDS / 2], load_ms[ROUNDS / 2], ratios[ROUNDS / 2], ratios[0],
        ratios[ROUNDS - 1], ROUNDS);
    return BT_OK;
}

int main(void) {
    const char *folder = getenv("TMPDIR");
    char path[512];
    bt_network *network;
    bt_error error = {BT_OK, ""};
    snprintf(path, sizeof path, "%s/bench-weights.%d.safetensors", folder ? folder : "/tmp", (int)getpid());
    bt_status status = bt_network_open(&network, "hrnet", &error);
    if (status == BT_OK)
        status = checkpoint_file_write(path, network, &(checkpoint_file_copy){.source = "demo", .prefix = ""},
                                       1, &error);
    if (status == BT_OK) status = compare(path, network, &error);
    unlink(path);
    bt_network_close(&network);
    if (status != BT_OK) fprintf(stderr, "bench-weights: %s\n", error.message);
    return status == BT_OK ? 0 : 1;
}
