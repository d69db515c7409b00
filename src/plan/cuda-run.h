/* A plan's programs on a GPU: memory for them, the graphs that they are recorded as, and a run there and
 * back. */
#ifndef BT_PLAN_CUDA_RUN_H
#define BT_PLAN_CUDA_RUN_H

#include "plan/program.h"

/* Memory for `program` beside the plan's others: all share one block, of the largest's size. What was recorded
 * in a block that had to grow is recorded anew. Runs it once, and records it. BT_OUT_OF_DEVICE_MEMORY,
 * BT_BACKEND; the plan's other programs still run. */
BT_MUST_USE bt_status bt_cuda_program_ready(bt_plan *plan, bt_program *program, bt_error *error);

/* See bt_plan_time_copy. */
BT_MUST_USE bt_status bt_cuda_time_copy(bt_plan *plan, size_t bytes, int64_t *ns, bt_error *error);

/* Gives back what pictures were sent by. */
void bt_cuda_close_slots(bt_plan *plan);
/* See bt_plan_put_picture, bt_plan_put_tensor, bt_plan_run_pictures. */
BT_MUST_USE bt_status bt_cuda_put_picture(bt_plan *plan, int slot, const uint8_t *rgb, int height, int width,
                                          const bt_image_norm *norm, bt_error *error);
BT_MUST_USE bt_status bt_cuda_put_tensor(bt_plan *plan, int slot, const void *values, bt_tensor_type type,
                                         bool *tame, bt_error *error);
BT_MUST_USE bt_status bt_cuda_run_pictures(bt_plan *plan, bt_program *program, int count, float *logits,
                                           bt_error *error);

/* One forward pass, to host memory and from it. With step_ns, also runs each step alone, a few times over, and
 * adds what one took on the device. */
BT_MUST_USE bt_status bt_cuda_program_run(bt_plan *plan, bt_program *program, const float *images,
                                          float *logits, int64_t *step_ns, bt_error *error);

#endif
