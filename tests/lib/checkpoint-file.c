#include "checkpoint-file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "networks/weights.h"

static json_t *describe(const bt_network *network) {
    json_t *header = json_object();
    int64_t at = 0;
    for (int i = 0; i < network->parameter_count; i++) {
        const bt_parameter *parameter = &network->parameters[i];
        json_t *dims = json_array();
        for (int d = 0; d < parameter->rank; d++)
            json_array_append_new(dims, json_integer(parameter->dims[d]));
        const int64_t end = at + (int64_t)(parameter->count * sizeof(float));
        json_object_set_new(header, parameter->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", dims, "data_offsets",
                                      (json_int_t)at, (json_int_t)end));
        at = end;
    }
    return header;
}

bt_status checkpoint_file_write(const char *path, const bt_network *network, const char *source,
                                bt_error *error) {
    bt_weights *weights;
    bt_status status = bt_weights_open(&weights, network, source, error);
    if (status != BT_OK) return status;
    json_t *header = describe(network);
    char *text = json_dumps(header, JSON_COMPACT);
    FILE *file = fopen(path, "wb");
    const uint64_t length = text ? strlen(text) : 0;
    if (!text || !file || fwrite(&length, sizeof length, 1, file) != 1 ||
        fwrite(text, 1, length, file) != length)
        status = bt_fail(error, BT_IO, "%s: cannot be written", path);
    for (int i = 0; i < network->parameter_count && status == BT_OK; i++)
        if (fwrite(weights->values[i], sizeof(float), network->parameters[i].count, file) !=
            network->parameters[i].count)
            status = bt_fail(error, BT_IO, "%s: cannot be written", path);
    if (file && fclose(file) != 0 && status == BT_OK)
        status = bt_fail(error, BT_IO, "%s: cannot be written", path);
    free(text);
    json_decref(header);
    bt_weights_close(&weights);
    return status;
}
