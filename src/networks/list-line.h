/* A list file from inside: the file under way, its tensors' names and sizes, and one line taken apart.
 *
 * Internal to networks/: list-file.c reads the file, list-line.c takes lines apart, list-operations.c makes
 * operations of them. A failure sticks, as in builder.h. */
#ifndef BT_NETWORKS_LIST_LINE_H
#define BT_NETWORKS_LIST_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "networks/builder.h"

#define BT_LIST_NAME_SIZE 64
#define BT_LIST_KEYS      16 /* of a line */

/* What images' sizes may have to be multiples of. Raised, hardly an image fits. */
#define BT_LIST_MULTIPLE_MOST 1024

typedef struct bt_list_tensor {
    char name[BT_LIST_NAME_SIZE];
    int line;     /* that wrote it; 0 of the image */
    int up, down; /* its height is the image's * up / down, cancelled */
    bool read;
} bt_list_tensor;

typedef struct bt_list_weights {
    char name[BT_PARAMETER_NAME_SIZE];
    int line;
} bt_list_weights;

typedef struct bt_list {
    bt_network *network;
    bt_builder builder;
    const char *file;        /* for messages */
    int line;                /* being read, from 1 */
    bt_list_tensor *tensors; /* of the network's numbers; owned */
    size_t tensor_room;
    bt_list_weights *weights; /* prefixes that are taken; owned */
    int weight_count;
    size_t weight_room;
    size_t value_count; /* parameters' values so far */
    int multiple;       /* what images' sizes must be multiples of */
    int output, output_line;
    bt_status status;
    bt_error *error;
} bt_list;

typedef struct bt_list_line {
    char *output, *operation;
    int inputs[BT_MAX_INPUTS];
    int input_count;
    struct {
        char *name, *value;
        bool used;
    } keys[BT_LIST_KEYS];
    int key_count;
    const char *known[BT_LIST_KEYS]; /* keys that were asked for */
    int known_count;
} bt_list_line;

/* "net.list:12: ..." as BT_PARSE, unless something has failed before. */
void bt_list_fail(bt_list *list, const char *format, ...) BT_PRINTF(2, 3);

/* Notes the latest tensor, whose height is the image's * up / down. */
void bt_list_note(bt_list *list, const char *name, int up, int down);
/* The same of what a line has just appended to the builder, or what the builder failed with. */
struct bt_list_line;
void bt_list_done(bt_list *list, const struct bt_list_line *line, int up, int down);
/* The tensor called so, its name `length` bytes long; fails where there is none. */
int bt_list_find(bt_list *list, const char *name, size_t length);

/* Takes "y = conv(x, z) channels=64 kernel=3" apart, in place. False after a failure. */
bool bt_list_line_read(bt_list_line *line, bt_list *list, char *text);

/* What a key says. A whole number within [least, most]; `otherwise` where the key is not there, which fails where
 * that is BT_LIST_NEEDED. */
#define BT_LIST_NEEDED (-1)
int bt_list_number(bt_list *list, bt_list_line *line, const char *key, int otherwise, int least, int most);
/* One of `count` words; the first where the key is not there. */
int bt_list_word(bt_list *list, bt_list_line *line, const char *key, const char *const *words, size_t count);
/* Any word, NULL where the key is not there; fails where it is `needed`. */
const char *bt_list_text(bt_list *list, bt_list_line *line, const char *key, bool needed);
/* Another number with a fraction, within [least, most]. */
double bt_list_fraction(bt_list *list, bt_list_line *line, const char *key, double otherwise, double least,
                        double most);
/* Fails for a key that nobody asked for. */
void bt_list_check_keys(bt_list *list, const bt_list_line *line);

#endif
