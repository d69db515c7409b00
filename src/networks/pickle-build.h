/* What a pickle's instructions make of the nodes on its machine's stack: lists, dictionaries, names, and
 * calls that are written down in place of being made. Internal to pickle*.c. */
#ifndef BT_NETWORKS_PICKLE_BUILD_H
#define BT_NETWORKS_PICKLE_BUILD_H

#include "networks/pickle-machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A list or dictionary of what lies on the stack from `from` on, in its place. */
void bt_pickle_collect(bt_pickle_machine *m, bt_node_kind kind, int from);

/* What lies from `from` on goes into the list or dictionary below it, or into what a call would have
 * given. */
void bt_pickle_extend(bt_pickle_machine *m, bt_node_kind kind, int from);

/* A name, of the module and itself on the stack. BT_PARSE for one that would run something. */
void bt_pickle_make_global(bt_pickle_machine *m);

/* A function and the list of its arguments are on the stack: the call that they are, or the dictionary or
 * torch.Size that it would have given. */
void bt_pickle_reduce(bt_pickle_machine *m);

/* cls.__new__(*arguments, **keywords): keywords are kept as a state is. */
void bt_pickle_make_new(bt_pickle_machine *m, bool keywords);

/* An object of a class and of what lies above it: the class is on top of the stack and the arguments above
 * the mark, or the class is the first above the mark. */
void bt_pickle_make_instance(bt_pickle_machine *m, bool class_on_top);

/* A state: what a call gave would have it set, or be called with it. */
void bt_pickle_set_state(bt_pickle_machine *m);

/* What a persistent id on the stack stands for: a storage, a class, or something that is not torch's. */
void bt_pickle_make_persistent(bt_pickle_machine *m);

#ifdef __cplusplus
}
#endif
#endif
