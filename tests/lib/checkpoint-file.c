#include "checkpoint-file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "networks/weights.h"

/* Adds one copy to the header, its names behind `prefix`, its numbers from byte `at` on. */
static int64_t describe(json_t *header, const bt_network *network, const char *prefix, int64_t at) {
    char name[2 * BT_PARAMETER_NAME_SIZE];
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        json_t *dims = json_array();
        for (int d = 0; d < parameter->rank; d++)
            json_array_append_new(dims, json_integer(parameter->dims[d]));
        const int64_t end = at + (int64_t)(parameter->count * sizeof(float));
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", parameter->name);
        json_object_set_new(header, name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", dims, "data_offsets",
                                      (json_int_t)at, (json_int_t)end));
        at = end;
    }
    return at;
}

static bt_status write_numbers(FILE *file, const char *path, const bt_network *network, const char *source,
                               bt_error *error) {
    bt_weights *weights;
    bt_status status = bt_weights_open(&weights, network, source, error);
    for (int i = 0; i < network->parameter_count && status == BT_OK; i++)
        if (fwrite(weights->values[i], sizeof(float), network->parameters[i].count, file) !=
            network->parameters[i].count)
            status = bt_fail(error, BT_IO, "%s: cannot be written", path);
    bt_weights_close(&weights);
    return status;
}

bt_status checkpoint_file_write(const char *path, const bt_network *network,
                                const checkpoint_file_copy *copies, int count, bt_error *error) {
    json_t *header = json_object();
    int64_t at = 0;
    for (int i = 0; i < count; i++)
        at = describe(header, network, copies[i].prefix, at);
    char *text = json_dumps(header, JSON_COMPACT);
    FILE *file = fopen(path, "wb");
    const uint64_t length = text ? strlen(text) : 0;
    bt_status status = BT_OK;
    if (!text || !file || fwrite(&length, sizeof length, 1, file) != 1 ||
        fwrite(text, 1, length, file) != length)
        status = bt_fail(error, BT_IO, "%s: cannot be written", path);
    for (int i = 0; i < count && status == BT_OK; i++)
        status = write_numbers(file, path, network, copies[i].source, error);
    if (file && fclose(file) != 0 && status == BT_OK)
        status = bt_fail(error, BT_IO, "%s: cannot be written", path);
    free(text);
    json_decref(header);
    return status;
}
