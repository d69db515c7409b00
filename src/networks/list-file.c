#include "networks/list-file.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"
#include "networks/builder.h"
#include "networks/list-line.h"
#include "networks/list-operations.h"

/* What a file may have. HRNet-W48 has 460 lines, 30 kB, 66 million values; raised, a damaged file takes longer to be
 * refused. */
#define FILE_BYTES_MOST (1 << 20)
#define LINES_MOST      4096

/* ---- one line ---- */

static void read_title(bt_list *list, const char *text) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (length == 0 || length >= sizeof list->network->own_title)
        bt_list_fail(list, "a title has 1 to %zu letters", sizeof list->network->own_title - 1);
    else {
        memcpy(list->network->own_title, text, length);
        list->network->own_title[length] = '\0';
    }
}

static void read_output(bt_list *list, const char *text) {
    const int tensor = bt_list_find(list, text, strcspn(text, " \t"));
    if (list->output != BT_NO_TENSOR)
        bt_list_fail(list, "there is an output already, on line %d", list->output_line);
    else if (tensor != BT_NO_TENSOR) {
        list->tensors[tensor].read = true;
        list->output = tensor;
        list->output_line = list->line;
    }
}

static const char *after_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    if (strncmp(text, word, length) != 0 || (text[length] != ' ' && text[length] != '\t')) return NULL;
    return text + length + strspn(text + length, " \t");
}

static void read_line(bt_list *list, char *text) {
    bt_list_line line;
    const char *rest;
    text[strcspn(text, "#")] = '\0';
    text[strcspn(text, "\r")] = '\0';
    text += strspn(text, " \t");
    if (*text == '\0') return;
    if (!strchr(text, '=') && (rest = after_word(text, "title")))
        read_title(list, rest);
    else if (!strchr(text, '=') && (rest = after_word(text, "output")))
        read_output(list, rest);
    else if (bt_list_line_read(&line, list, text))
        bt_list_add(list, &line);
}

/* ---- the whole ---- */

static void check_whole(bt_list *list) {
    if (list->status != BT_OK) return;
    if (list->output == BT_NO_TENSOR) {
        bt_list_fail(list, "the file ends without a line \"output NAME\"");
        return;
    }
    for (int i = 1; i < list->network->tensor_count && list->status == BT_OK; i++) {
        list->line = list->tensors[i].line;
        if (!list->tensors[i].read) bt_list_fail(list, "nothing reads \"%s\"", list->tensors[i].name);
    }
    const bt_list_tensor *output = &list->tensors[list->output];
    list->line = list->output_line;
    if (list->output == 0)
        bt_list_fail(list, "the image is no output");
    else if (output->up != 1 || output->down != 1)
        bt_list_fail(list,
                     "the output is %d/%d of the image's height: \"y = resize(%s) scale=N\" enlarges it",
                     output->up, output->down, output->name);
    else if (list->network->parameter_count == 0)
        bt_list_fail(list, "no operation of it has weights: there is nothing to run");
}

/* Cuts the text into lines, which are read in place. */
static void read_lines(bt_list *list, char *text, size_t size) {
    char *end = text + size;
    while (text < end && list->status == BT_OK) {
        char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
        *stop = '\0';
        if (++list->line > LINES_MOST)
            bt_list_fail(list, "a list has at most %d lines", LINES_MOST);
        else if (memchr(text, '\0', (size_t)(stop - text)))
            bt_list_fail(list, "a byte 0: this is no text");
        else
            read_line(list, text);
        text = stop + 1;
    }
}

static bt_status read_copy(bt_network *network, const char *file, char *text, size_t size, bt_error *error) {
    bt_list list = {.network = network, .file = file, .output = BT_NO_TENSOR, .error = error};
    list.builder = bt_builder_start(network, error);
    list.status = list.builder.status;
    bt_list_note(&list, "image", 1, 1);
    read_lines(&list, text, size);
    check_whole(&list);
    network->size_multiple = list.multiple;
    free(list.tensors);
    free(list.weights);
    if (list.status != BT_OK) return list.status;
    return bt_builder_finish(&list.builder, list.output);
}

bt_status bt_network_list_read(bt_network **out, const char *name, const char *file, const char *text,
                               size_t size, bt_error *error) {
    *out = NULL;
    if (size > FILE_BYTES_MOST)
        return bt_fail(error, BT_PARSE, "%s: %zu bytes, a list has at most %d", file, size, FILE_BYTES_MOST);
    bt_network *network = calloc(1, sizeof *network);
    char *copy = network ? malloc(size + 1) : NULL;
    bt_status status = copy ? bt_network_call(network, name, error) : bt_no_memory(error, "reading %s", file);
    if (status == BT_OK) {
        memcpy(copy, text, size);
        status = read_copy(network, file, copy, size, error);
    }
    free(copy);
    if (status != BT_OK)
        bt_network_close(&network);
    else
        *out = network;
    return status;
}

bt_status bt_network_open_file(bt_network **out, const char *name, const char *file, bt_error *error) {
    return file && *file ? bt_network_list_load(out, name, file, error) : bt_network_open(out, name, error);
}

bt_status bt_network_list_load(bt_network **out, const char *name, const char *path, bt_error *error) {
    char *text;
    size_t size;
    *out = NULL;
    bt_status status = bt_file_read(path, FILE_BYTES_MOST, &text, &size, error);
    if (status != BT_OK) return status;
    status = bt_network_list_read(out, name, path, text, size, error);
    if (status == BT_OK) (*out)->list_hash = bt_fnv1a64(BT_FNV_START, text, size);
    free(text);
    return status;
}
