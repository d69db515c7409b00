/* A plan from inside: the program that a network becomes for one batch size, and what all of a plan's
 * programs share.
 *
 * A *value* is a tensor somewhere in the arena: one of the network's, or one that only the plan knows (a
 * transposed convolution before its rearrangement, attention's factors). It may lie in the memory of another
 * value: the same (an operation in place), or a slice of its channels (a part of a concatenation). The image
 * and the logits lie in the caller's memory. */
#ifndef BT_PLAN_PROGRAM_H
#define BT_PLAN_PROGRAM_H

#include "plan/byte-weights.h"
#include "plan/cuda.h"
#include "plan/onednn.h"
#include "plan/plan.h"
#include "plan/step.h"

#define BT_NO_VALUE       (-1)
#define BT_NO_TENSOR_DONE (-1)

typedef struct bt_value {
    int channels, height, width; /* of an image; factors are 1 x 1 or of one channel */
    bt_value_type type;          /* FP32: values of one channel, factors, and all of an FP32 plan's */
    int home;                    /* the value in whose memory this one lies; itself where it has its own */
    int first_channel;           /* among home's */
    size_t offset;               /* in the arena, bytes; of a home */
    const bt_units *units;       /* of bytes: the plan's; those of its channels, by turns where it has more */
    int unit_channels;
} bt_value;

typedef struct bt_plan_step {
    const bt_step_kind *kind;
    void *arguments;           /* the kind's, owned; all but the pointers into the arena is set at lowering */
    int inputs[BT_MAX_INPUTS]; /* values that it reads, or BT_NO_VALUE; which is which depends on the kind */
    int input_count;
    int output, second_output; /* values that it writes; BT_NO_VALUE for no second */
    int tensor;                /* of the network, whose last step this is; BT_NO_TENSOR_DONE for none */
} bt_plan_step;

typedef struct bt_program {
    int batch;
    bt_value *values;
    bt_plan_step *steps;
    int value_count, step_count;
    size_t value_room, step_room;
    int image, output;     /* values: what the first step reads, what the last one writes */
    size_t arena_bytes;    /* of the values */
    size_t scratch_bytes;  /* of the step that wants most */
    char *arena, *scratch; /* that it is bound to */
    const float *images;   /* of the run under way */
    float *logits;
    bool *broken; /* of each image: something became no number, and then bytes, which cannot say so */
    bool hides;   /* an activation within a convolution makes 0 of what is no number */
    int64_t sampled, saturated; /* bytes looked at in all runs, and those at the end of what a byte holds */
    bt_cuda_graph *graph;       /* on a GPU: the steps, recorded; NULL before, and when memory has moved */
    int kernels;                /* of the graph */
} bt_program;

/* Parts of one operation's weights: a convolution over a concatenation has one for each of its inputs. */
#define BT_PLAN_PARTS BT_MAX_INPUTS

/* A picture on its way to the device: a copy that the device reads fastest, and where it goes. */
typedef struct bt_picture_slot {
    void *pinned, *device;
    size_t bytes; /* of each */
    bool tensor;  /* ready floats; the rest is a picture's */
    int height, width;
    bt_image_norm norm;
} bt_picture_slot;

struct bt_plan {
    bt_plan_options options;
    bt_shape *shapes;              /* of the network's tensors, for one image */
    float **parameters;            /* copies of those that are not packed; NULL elsewhere */
    float **biases;                /* of convolutions, by operation, as steps read them; NULL elsewhere */
    bt_units *units;               /* of the network's tensors, where some are bytes; NULL: none is */
    bt_byte_weights *byte_weights; /* [operation * BT_PLAN_PARTS + part], where they are bytes */
    bt_packed **packed;            /* the latest, [operation * BT_PLAN_PARTS + part]; not owned */
    bt_packed **all_packed;        /* every one, owned */
    int packed_count;
    size_t packed_room;
    bt_program **programs;
    int program_count;
    char *arena;
    size_t arena_bytes;
    /* On a GPU, else NULL. All of the memory below is the context's. */
    bt_cuda *cuda;
    void **device_parameters; /* likewise `parameters` */
    void **device_weights;    /* [operation * BT_PLAN_PARTS + part] */
    size_t device_weight_bytes;
    void *device_scratch;                /* what every program's steps may use */
    void *device_images, *device_logits; /* of the largest batch */
    size_t device_scratch_bytes, device_image_bytes, device_logit_bytes;
    void *buffers[BT_PLAN_BUFFERS]; /* on the host; malloc'ed on a CPU */
    int buffer_count;
    bt_picture_slot *slots;
    int slot_count;
};

/* Compiles the plan's network for a batch size, for as many threads as omp_get_max_threads() says. `weights`
 * is needed for the first one only. Errors as bt_plan_open. */
BT_MUST_USE bt_status bt_program_open(bt_program **out, bt_plan *plan, int batch, const bt_weights *weights,
                                      bt_error *error);
void bt_program_close(bt_program **program);

/* Points every step into an arena of at least arena_bytes, and to scratch of at least scratch_bytes. */
void bt_program_bind(bt_program *program, char *arena, char *scratch);
/* Where a value lies. */
void *bt_program_address(const bt_program *program, int value);
/* Points its first and last step at the caller's memory, which is another one each time. */
void bt_program_bind_ends(bt_program *program, const float *images, float *logits);

/* Runs it in the arena that it is bound to, and adds each step's time or tells of what it wrote, as asked. */
typedef struct bt_program_watch {
    int64_t *step_ns;    /* NULL: nobody asks */
    bt_observer observe; /* likewise */
    void *context;
} bt_program_watch;
BT_MUST_USE bt_status bt_program_run(bt_program *program, bt_cpu_level level, const float *images,
                                     float *logits, const bt_program_watch *watch, bt_error *error);

/* See bt_plan_step_bytes. */
int64_t bt_program_step_bytes(const bt_program *program, int step);
/* See bt_plan_step_text. */
void bt_program_step_text(const bt_program *program, int step, char *text, size_t size);

#endif
