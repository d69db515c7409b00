/* What a session of libtorch's or ONNX Runtime's runs: a built-in network and its weights, or a user's files. All of it that
 * can be found out before such a library is loaded, and nothing that needs it. */
#ifndef BT_BACKEND_SESSION_SUBJECT_H
#define BT_BACKEND_SESSION_SUBJECT_H

#include "backend/backend.h"
#include "networks/model.h"
#include "networks/network.h"
#include "networks/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_session_subject {
    bt_model model;
    bt_network *network; /* NULL: files */
    bt_weights *weights; /* of the network, once loaded */
    uint64_t hash;       /* of the files, once loaded */
    int file_count;
    char paths[BT_SIZES_MAX][BT_PATH_SIZE]; /* of the files; of several packages by the model's batch sizes */
} bt_session_subject;

/* Names what is to run, and checks what the session's options say of it: BT_INVALID for a size that it does
 * not take, and what bt_model_describe and bt_model_check_files fail with. bt_session_subject_close in any
 * case. */
BT_MUST_USE bt_status bt_session_subject_open(bt_session_subject *out, const bt_session_options *options,
                                              bt_error *error);

/* Reads the weights, or the files for their hash. Errors as bt_weights_open and bt_model_hash. */
BT_MUST_USE bt_status bt_session_subject_load(bt_session_subject *subject, const char *weights,
                                              bt_error *error);

/* Where its weights come from, into a session's facts. */
void bt_session_subject_describe(const bt_session_subject *subject, bt_session_info *info);

/* Frees the weights, which the shim has copied, and the network, unless somebody has taken it. */
void bt_session_subject_close(bt_session_subject *subject);

#ifdef __cplusplus
}
#endif
#endif
