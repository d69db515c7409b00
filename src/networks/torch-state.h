/* From what torch.save wrote to a list of named tensors: every dictionary in it, however deep, and every
 * pickled module as its state_dict() would be. Which of them are the network's is not decided here. */
#ifndef BT_NETWORKS_TORCH_STATE_H
#define BT_NETWORKS_TORCH_STATE_H

#include "networks/checkpoint.h"
#include "networks/pickle.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the tensors to a checkpoint, and what else its top holds. BT_PARSE where no dictionary has any, or
 * the pickle's parts hold one another without end; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_torch_state_read(bt_checkpoint *checkpoint, const bt_pickle *pickle,
                                          bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
