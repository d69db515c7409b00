#include "networks/weights-file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "networks/checkpoint.h"

#define NONE (-1)

static const char *without_wrappers(const char *name) {
    static const char *const wrappers[] = {"module.", "_orig_mod."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers;) {
        const size_t length = strlen(wrappers[i]);
        if (strncmp(name, wrappers[i], length) == 0) {
            name += length;
            i = 0;
        } else {
            i++;
        }
    }
    return name;
}

/* "64x3x7x7" */
static void show_shape(char out[96], const int64_t *dims, int rank) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < rank && used < 90; i++)
        used += (size_t)snprintf(out + used, 96 - used, "%s%lld", i ? "x" : "", (long long)dims[i]);
    if (rank == 0) snprintf(out, 96, "a single number");
}

/* The number of the parameter of that name. Checkpoints mostly have the network's order, so that the search
 * begins behind the last one found. */
static int find_parameter(const bt_network *network, const char *name, int after) {
    for (int i = 1; i <= network->parameter_count; i++) {
        const int number = (after + i) % network->parameter_count;
        if (strcmp(network->parameters[number].name, name) == 0) return number;
    }
    return NONE;
}

static bt_status check_shape(const bt_network *network, const bt_parameter *parameter,
                             const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor,
                             bt_error *error) {
    char wanted[96], got[96];
    if (tensor->rank == parameter->rank &&
        memcmp(tensor->dims, parameter->dims, (size_t)tensor->rank * sizeof *tensor->dims) == 0)
        return BT_OK;
    show_shape(wanted, parameter->dims, parameter->rank);
    show_shape(got, tensor->dims, tensor->rank);
    return bt_fail(error, BT_INVALID, "%s: tensor \"%.80s\" is %s where %s has %s", checkpoint->path,
                   tensor->name, got, network->title, wanted);
}

/* Which tensor each parameter is. */
static bt_status match(const bt_network *network, const bt_checkpoint *checkpoint, int *tensor_of,
                       bt_error *error) {
    int last = NONE;
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const bt_stored_tensor *tensor = &checkpoint->tensors[i];
        const int number = find_parameter(network, without_wrappers(tensor->name), last);
        if (number == NONE)
            return bt_fail(error, BT_INVALID, "%s: %s has no tensor \"%.80s\"", checkpoint->path,
                           network->title, tensor->name);
        if (tensor_of[number] != NONE)
            return bt_fail(error, BT_INVALID, "%s: has tensor \"%.80s\" twice", checkpoint->path,
                           tensor->name);
        bt_status status = check_shape(network, &network->parameters[number], checkpoint, tensor, error);
        if (status != BT_OK) return status;
        tensor_of[number] = i;
        last = number;
    }
    return BT_OK;
}

static bt_status check_all_there(const bt_network *network, const bt_checkpoint *checkpoint,
                                 const int *tensor_of, bt_error *error) {
    int missing = 0, first = NONE;
    for (int i = network->parameter_count - 1; i >= 0; i--)
        if (tensor_of[i] == NONE) {
            missing++;
            first = i;
        }
    if (missing == 0) return BT_OK;
    char shape[96];
    show_shape(shape, network->parameters[first].dims, network->parameters[first].rank);
    return bt_fail(error, BT_INVALID, "%s: %d of %s's %d tensors are missing, \"%s\" (%s) first",
                   checkpoint->path, missing, network->title, network->parameter_count,
                   network->parameters[first].name, shape);
}

bt_status bt_weights_read_file(const bt_network *network, const char *path, float *const *values,
                               bt_error *error) {
    bt_checkpoint *checkpoint = NULL;
    int *tensor_of = malloc((size_t)network->parameter_count * sizeof *tensor_of);
    if (!tensor_of) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", path);
    for (int i = 0; i < network->parameter_count; i++)
        tensor_of[i] = NONE;
    bt_status status = bt_checkpoint_open(&checkpoint, path, error);
    if (status == BT_OK) status = match(network, checkpoint, tensor_of, error);
    if (status == BT_OK) status = check_all_there(network, checkpoint, tensor_of, error);
    for (int i = 0; values && i < network->parameter_count && status == BT_OK; i++)
        status = bt_checkpoint_read(checkpoint, &checkpoint->tensors[tensor_of[i]], values[i], error);
    bt_checkpoint_close(&checkpoint);
    free(tensor_of);
    return status;
}
