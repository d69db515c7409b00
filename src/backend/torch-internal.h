/* What of backend/torch.c a test needs to see: the judgement of a shim that was loaded. */
#ifndef BT_BACKEND_TORCH_INTERNAL_H
#define BT_BACKEND_TORCH_INTERNAL_H

#include "backend/torch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bt_torch_shim;

/* Whether this program can use the shim that `table` belongs to: BT_UNSUPPORTED, naming both sides, where the
 * interface differs or, once `facts` (else NULL) are known, where libtorch is not the one compiled
 * against. */
BT_MUST_USE bt_status bt_torch_check_shim(const struct bt_torch_shim *table, const bt_torch_facts *facts,
                                          bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
