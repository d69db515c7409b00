/* An activation by itself, in place: behind a sum, which knows ReLU only. */
#include "plan/lowering.h"
#include "plan/onednn.h"

typedef struct activation {
    bt_primitive *made;
} activation;

static void bind_activation(void *arguments, const bt_step_memory *memory) {
    const activation *a = arguments;
    bt_primitive_bind(a->made, memory->output, NULL, memory->output, memory->scratch);
}

static bt_status run_activation(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)level, (void)scratch; /* given when it was bound */
    return bt_primitive_run(((const activation *)arguments)->made, error);
}

static size_t activation_scratch(const void *arguments) {
    return bt_primitive_scratch_bytes(((const activation *)arguments)->made);
}

static void close_activation(void *arguments) {
    bt_primitive_close(&((activation *)arguments)->made);
}

static const bt_step_kind step_activation = {.name = "activation",
                                             .size = sizeof(activation),
                                             .bind = bind_activation,
                                             .run = run_activation,
                                             .scratch = activation_scratch,
                                             .close = close_activation};

void bt_add_activation(bt_lowering *l, const bt_operation *operation, int value) {
    const bt_value y = *bt_value_at(l, value);
    activation a = {NULL};
    if (operation->activation == BT_ACTIVATION_NONE || l->status != BT_OK) return;
    if (l->plan->cuda || y.home != value || y.type == BT_U8) {
        bt_lowering_refuse(l, operation);
        return;
    }
    const bt_activation_shape shape = {.count = l->program->batch * bt_pixels_of(&y) * y.channels,
                                       .activation = operation->activation,
                                       .slope = operation->slope,
                                       .type = y.type};
    l->program->hides = true;
    l->status = bt_activation_open(&a.made, &shape, l->error);
    if (l->status == BT_OK && !bt_add_step(l, &step_activation, &a, value, value))
        bt_primitive_close(&a.made);
}
