/* The backends that exist, for backend.c alone: everyone else names one in bt_session_options. */
#ifndef BT_BACKEND_BACKENDS_H
#define BT_BACKEND_BACKENDS_H

#include "backend/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const bt_backend_operations bt_backend_torch, bt_backend_plan, bt_backend_onnx, bt_backend_sim;

/* Each checks the part of its specification that follows the name ("" or ":key=value,..."): BT_INVALID names
 * the bad key or value and what would be right. */
BT_MUST_USE bt_status bt_torch_check(const char *specification, bt_error *error);
BT_MUST_USE bt_status bt_plan_backend_check(const char *specification, bt_error *error);
BT_MUST_USE bt_status bt_onnx_check(const char *specification, bt_error *error);
BT_MUST_USE bt_status bt_sim_check(const char *specification, bt_error *error);

/* Loads the runtime library behind it, where there is one. */
BT_MUST_USE bt_status bt_torch_load(bt_error *error);
BT_MUST_USE bt_status bt_onnx_load(bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
