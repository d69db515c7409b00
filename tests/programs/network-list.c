/* Prints a network's operation list: as a table for people, as JSON for the script that trains the demo
 * weights.
 *
 * usage: network-list --model NAME [--json] */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "networks/network.h"

static json_t *integers(const int *values, int count) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_integer(values[i]));
    return array;
}

static json_t *parameter_json(const bt_parameter *parameter) {
    static const char *const roles[] = {"weight", "bias", "scale", "offset", "mean", "variance"};
    json_t *dims = json_array();
    for (int i = 0; i < parameter->rank; i++)
        json_array_append_new(dims, json_integer(parameter->dims[i]));
    return json_pack("{s:s, s:s, s:o, s:b}", "name", parameter->name, "role", roles[parameter->role], "dims",
                     dims, "in_head", parameter->in_head);
}

static const char *const activations[] = {"none", "relu", "sigmoid", "relu6", "silu", "leaky_relu"};

static json_t *operation_json(const bt_operation *operation) {
    static const char *const resizes[] = {"aligned", "bilinear", "nearest"};
    return json_pack("{s:s, s:o, s:i, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:f, s:i, s:s}", "kind",
                     bt_operation_name(operation->kind), "inputs",
                     integers(operation->inputs, operation->input_count), "output", operation->output,
                     "parameters", integers(operation->parameters, BT_MAX_PARAMETERS), "kernel",
                     operation->kernel, "stride", operation->stride, "padding", operation->padding,
                     "dilation", operation->dilation, "groups", operation->groups, "scale", operation->scale,
                     "activation", activations[operation->activation], "slope", (double)operation->slope,
                     "resize_to_input", operation->resize_to_input, "resize", resizes[operation->resize]);
}

static int print_json(const bt_network *network) {
    json_t *parameters = json_array(), *operations = json_array();
    for (int i = 0; i < network->parameter_count; i++)
        json_array_append_new(parameters, parameter_json(&network->parameters[i]));
    for (int i = 0; i < network->operation_count; i++)
        json_array_append_new(operations, operation_json(&network->operations[i]));
    json_t *root = json_pack("{s:s, s:s, s:i, s:o, s:i, s:o, s:o}", "name", network->name, "title",
                             network->title, "size_multiple", network->size_multiple, "channels",
                             integers(network->channels, network->tensor_count), "output",
                             network->output_tensor, "parameters", parameters, "operations", operations);
    int failed = root == NULL || json_dumpf(root, stdout, JSON_INDENT(1)) != 0;
    json_decref(root);
    return failed;
}

static void print_operation(const bt_network *network, const bt_operation *operation) {
    char inputs[64] = "";
    for (int i = 0; i < operation->input_count; i++) {
        size_t length = strlen(inputs);
        snprintf(inputs + length, sizeof(inputs) - length, "%s%d", i > 0 ? "," : "", operation->inputs[i]);
    }
    int first = operation->parameters[0];
    printf("%4d <- %-16s %-23s %4d channels  kernel %d stride %d  %-8s %s\n", operation->output, inputs,
           bt_operation_name(operation->kind), network->channels[operation->output], operation->kernel,
           operation->stride,
           operation->activation == BT_ACTIVATION_NONE ? "" : activations[operation->activation],
           first == BT_NO_PARAMETER ? "" : network->parameters[first].name);
}

static int print_table(const bt_network *network) {
    size_t values = 0;
    for (int i = 0; i < network->operation_count; i++)
        print_operation(network, &network->operations[i]);
    for (int i = 0; i < network->parameter_count; i++)
        values += network->parameters[i].count;
    printf("%s: %d operations, %d parameters of %zu values; sizes are multiples of %d\n", network->title,
           network->operation_count, network->parameter_count, values, network->size_multiple);
    return 0;
}

int main(int argc, char **argv) {
    bt_network *network;
    bt_error error;
    if (argc < 3 || argc > 4 || strcmp(argv[1], "--model") != 0 ||
        (argc == 4 && strcmp(argv[3], "--json") != 0)) {
        fprintf(stderr, "usage: network-list --model NAME [--json]\n");
        return 2;
    }
    if (bt_network_open(&network, argv[2], &error) != BT_OK) {
        fprintf(stderr, "network-list: %s\n", error.message);
        return 2;
    }
    int failed = argc == 4 ? print_json(network) : print_table(network);
    bt_network_close(&network);
    return failed;
}
