/* What the torch backend can tell about itself without opening a session: for `doctor` and for records. */
#ifndef BT_BACKEND_TORCH_H
#define BT_BACKEND_TORCH_H

#include <stdbool.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_torch_facts {
    char version[32];        /* of the libtorch in the process: "2.15.0" */
    char built_version[32];  /* of the libtorch that the shim was compiled against; must be the same */
    char onednn_version[32]; /* "" where it has none */
    char cpu_capability[16]; /* "AVX512": what its own kernels use */
    char library[512];       /* the folder that libtorch was loaded from */
    bool cuda_library;       /* libtorch_cuda.so is in that folder */
} bt_torch_facts;

/* Loads libtorch (a few tenths of a second; it stays loaded) and asks it. Any thread. BT_UNSUPPORTED with the
 * remedy where it is missing or is not the one that the shim was compiled against. */
BT_MUST_USE bt_status bt_torch_describe(bt_torch_facts *facts, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
