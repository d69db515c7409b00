/* What a user's own network wants as input: NAME.json beside its file, written by hand. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "input.h"
#include "networks/model.h"

static char folder[] = P_tmpdir "/batchtune-fuzz-XXXXXX", link_path[sizeof folder + 16],
            model_path[sizeof folder + 16];

static void tidy(void) {
    unlink(link_path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(data, size);
    if (!model_path[0]) {
        if (!mkdtemp(folder)) abort();
        snprintf(link_path, sizeof link_path, "%s/mine.json", folder);
        snprintf(model_path, sizeof model_path, "%s/mine.pt", folder);
        if (symlink(path, link_path) != 0) abort();
        atexit(tidy);
    }
    static const char *const names[] = {"mine", "another"}; /* by the model's name, and by the file's own */
    bt_model model;
    bt_error error;
    for (int i = 0; i < 2; i++)
        if (bt_model_describe(&model, names[i], model_path, &error) == BT_OK)
            (void)!bt_model_check_size(&model, 64, 64, &error);
    return 0;
}
