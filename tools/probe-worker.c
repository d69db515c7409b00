/* probe-worker: holds one model and measures it, on orders from optimize-batch. Not for use by hand: it
 * speaks JSON lines on the socket that is its standard input (src/tune/protocol.h). */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/version.h"
#include "tune/worker.h"

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("probe-worker (batchtune) %s\n", bt_version());
        return fflush(stdout) == 0 ? 0 : 1;
    }
    int type = 0;
    socklen_t size = sizeof type;
    if (argc > 1 || getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        fprintf(stderr, "probe-worker is started by optimize-batch; run that\n");
        return 2;
    }
    bt_error error;
    if (bt_worker_serve(dup(STDIN_FILENO), STDIN_FILENO, &error) != BT_OK) {
        fprintf(stderr, "probe-worker: %s\n", error.message);
        return 1;
    }
    return 0;
}
