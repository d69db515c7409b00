/* A list file's operations: what each line's word and keys mean to the builder. Internal to networks/. */
#ifndef BT_NETWORKS_LIST_OPERATIONS_H
#define BT_NETWORKS_LIST_OPERATIONS_H

#include "networks/list-line.h"

/* Appends what the line says, and notes the tensor that it writes. */
void bt_list_add(bt_list *list, bt_list_line *line);

#endif
