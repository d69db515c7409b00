/* Max pooling. */
#include "kernels/pool.h"

#include "plan/lowering.h"

static void bind_pool(void *arguments, const bt_step_memory *memory) {
    bt_pool *pool = arguments;
    pool->x = memory->inputs[0];
    pool->out = memory->output;
}

static bt_status run_pool(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)scratch, (void)error;
    bt_pool_run(arguments, level);
    return BT_OK;
}

static int launch_pool(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->pool(arguments, stream);
}

static void lower_pool(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_pool = {.name = "pool",
                                   .size = sizeof(bt_pool),
                                   .bind = bind_pool,
                                   .run = run_pool,
                                   .launch = launch_pool,
                                   .lowers = {{BT_OPERATION_MAX_POOL, lower_pool}}};

static void lower_pool(bt_lowering *l, int number, const bt_operation *operation) {
    int from = bt_input_value(l, operation, 0), to = bt_value_of(l, operation->output);
    const bt_value *x = bt_value_at(l, from);
    const bt_pool pool = {.batch = l->program->batch,
                          .channels = x->channels,
                          .height = x->height,
                          .width = x->width,
                          .size = operation->kernel,
                          .type = x->type,
                          .threads = l->plan->options.threads};
    (void)number;
    if (x->height % operation->kernel != 0 || x->width % operation->kernel != 0)
        bt_lowering_refuse(l, operation);
    bt_add_step(l, &bt_step_pool, &pool, from, to);
}
