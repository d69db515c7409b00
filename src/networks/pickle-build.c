#include "networks/pickle-build.h"

#include "base/text.h"
#include "networks/pickle-names.h"

/* ---- names ---- */

static void refuse_running(bt_pickle_machine *m, const bt_node *module, const bt_node *name) {
    char where[BT_TEXT_QUOTE_SIZE], what[BT_TEXT_QUOTE_SIZE];
    if (!bt_pickle_name_runs(module, name)) return;
    bt_pickle_show(module, where, sizeof where);
    bt_pickle_show(name, what, sizeof what);
    m->status = bt_fail(m->error, BT_PARSE,
                        "%s: holds a Python object, %s.%s, that could run anything: nothing was run; trust "
                        "no such file, or save model.state_dict() alone",
                        m->name, where, what);
}

void bt_pickle_make_global(bt_pickle_machine *m) {
    const int name = bt_pickle_pop(m), module = bt_pickle_pop(m);
    if (m->status != BT_OK) return;
    if (bt_pickle_node(m, name)->kind != BT_NODE_TEXT || bt_pickle_node(m, module)->kind != BT_NODE_TEXT) {
        bt_pickle_fail(m, "a name that is no text");
        return;
    }
    refuse_running(m, bt_pickle_node(m, module), bt_pickle_node(m, name));
    int node = bt_pickle_add_node(m, BT_NODE_GLOBAL);
    bt_pickle_add_child(m, node, module);
    bt_pickle_add_child(m, node, name);
    bt_pickle_push(m, node);
}

/* ---- lists and dictionaries ---- */

/* What lies on the stack from `from` on becomes the children of `node`. */
static void adopt(bt_pickle_machine *m, int node, int from) {
    for (int i = from; i < m->stack_count && m->status == BT_OK; i++)
        bt_pickle_add_child(m, node, m->stack[i]);
    m->stack_count = from;
}

void bt_pickle_collect(bt_pickle_machine *m, bt_node_kind kind, int from) {
    if (m->status != BT_OK) return;
    if (from < bt_pickle_floor(m) || (kind == BT_NODE_DICT && (m->stack_count - from) % 2 != 0)) {
        bt_pickle_fail(m, "it takes what is not on its stack");
        return;
    }
    int node = bt_pickle_add_node(m, kind);
    if (m->status != BT_OK) return;
    adopt(m, node, from);
    bt_pickle_push(m, node);
}

void bt_pickle_extend(bt_pickle_machine *m, bt_node_kind kind, int from) {
    const int count = m->stack_count - from;
    if (m->status != BT_OK) return;
    if (from - 1 < bt_pickle_floor(m)) {
        bt_pickle_fail(m, "items without a container");
        return;
    }
    int container = m->stack[from - 1];
    if (bt_pickle_node(m, container)->kind == BT_NODE_CALL) {
        if (bt_pickle_node(m, container)->items == BT_NO_NODE) {
            const int items = bt_pickle_add_node(m, kind);
            if (m->status != BT_OK) return;
            bt_pickle_node(m, container)->items = items;
        }
        container = bt_pickle_node(m, container)->items;
    }
    if (bt_pickle_node(m, container)->kind != kind || (kind == BT_NODE_DICT && count % 2 != 0))
        bt_pickle_fail(m, "items that do not fit their container");
    else
        adopt(m, container, from);
}

/* ---- calls ---- */

static void push_call(bt_pickle_machine *m, int function, int arguments) {
    int node = bt_pickle_add_node(m, BT_NODE_CALL);
    if (m->status != BT_OK) return;
    bt_pickle_node(m, node)->items = BT_NO_NODE;
    bt_pickle_add_child(m, node, function);
    bt_pickle_add_child(m, node, arguments);
    bt_pickle_push(m, node);
}

/* dict() or OrderedDict() of nothing, or, as Python 2 had it, of a list of pairs; false for anything else. */
static bool push_dictionary(bt_pickle_machine *m, int arguments) {
    const bt_pickle *p = m->pickle;
    const int pairs = bt_pickle_child(p, arguments, 0);
    if (p->nodes[arguments].count > 1 || (pairs != BT_NO_NODE && p->nodes[pairs].kind != BT_NODE_LIST))
        return false;
    for (int l = pairs == BT_NO_NODE ? BT_NO_NODE : p->nodes[pairs].first; l != BT_NO_NODE;
         l = p->links[l].next)
        if (!bt_pickle_is(p, p->links[l].node, BT_NODE_LIST) || p->nodes[p->links[l].node].count != 2)
            return false;
    /* each list of pairs is meant for one dictionary: the same list for many would take memory without end */
    m->copied += pairs == BT_NO_NODE ? 0 : (size_t)p->nodes[pairs].count;
    if (m->copied > m->size) bt_pickle_fail(m, "its dictionaries are of the same items too often");
    const int dict = bt_pickle_add_node(m, BT_NODE_DICT);
    for (int l = pairs == BT_NO_NODE ? BT_NO_NODE : p->nodes[pairs].first;
         m->status == BT_OK && l != BT_NO_NODE; l = p->links[l].next)
        for (int i = 0; i < 2; i++)
            bt_pickle_add_child(m, dict, bt_pickle_child(p, p->links[l].node, i));
    bt_pickle_push(m, dict);
    return true;
}

/* Writes a call down in place of making it; but for dictionaries, and torch.Size, which is a tuple. */
void bt_pickle_reduce(bt_pickle_machine *m) {
    const int arguments = bt_pickle_pop(m), function = bt_pickle_pop(m);
    if (m->status != BT_OK) return;
    const bt_pickle *p = m->pickle;
    const bool list = p->nodes[arguments].kind == BT_NODE_LIST;
    const bool dictionary = bt_pickle_names(p, function, "collections", "OrderedDict") ||
                            bt_pickle_names(p, function, "builtins", "dict") ||
                            bt_pickle_names(p, function, "__builtin__", "dict");
    if (list && dictionary && push_dictionary(m, arguments)) return;
    if (list && p->nodes[arguments].count == 1 && bt_pickle_names(p, function, "torch", "Size"))
        bt_pickle_push(m, bt_pickle_child(p, arguments, 0));
    else
        push_call(m, function, arguments);
}

void bt_pickle_make_new(bt_pickle_machine *m, bool keywords) {
    const int named = keywords ? bt_pickle_pop(m) : BT_NO_NODE, arguments = bt_pickle_pop(m),
              type = bt_pickle_pop(m);
    push_call(m, type, arguments);
    if (m->status == BT_OK && keywords) bt_pickle_add_child(m, bt_pickle_top(m), named);
}

void bt_pickle_make_instance(bt_pickle_machine *m, bool class_on_top) {
    int type = class_on_top ? bt_pickle_pop(m) : BT_NO_NODE;
    const int from = bt_pickle_take_mark(m), first = class_on_top ? from : from + 1;
    if (m->status == BT_OK && first > m->stack_count) bt_pickle_fail(m, "an object of no class");
    if (m->status != BT_OK) return;
    if (!class_on_top) type = m->stack[from];
    bt_pickle_collect(m, BT_NODE_LIST, first);
    const int arguments = bt_pickle_pop(m);
    m->stack_count = from;
    push_call(m, type, arguments);
}

/* torch's ids are ("storage", ...) and, from old versions, ("module", class, file, source): the class. */
void bt_pickle_make_persistent(bt_pickle_machine *m) {
    const int id = bt_pickle_pop(m);
    if (m->status != BT_OK) return;
    const int kind =
        bt_pickle_node(m, id)->kind == BT_NODE_LIST ? bt_pickle_child(m->pickle, id, 0) : BT_NO_NODE;
    const int type = kind == BT_NO_NODE ? BT_NO_NODE : bt_pickle_child(m->pickle, id, 1);
    if (type != BT_NO_NODE && bt_pickle_says(m->pickle, kind, "module")) {
        bt_pickle_push(m, type);
    } else if (bt_pickle_says(m->pickle, kind, "storage")) {
        bt_pickle_node(m, id)->kind = BT_NODE_STORAGE;
        bt_pickle_push(m, id);
    } else {
        bt_pickle_push_new(m, BT_NODE_OTHER);
    }
}

/* An OrderedDict's state (`_metadata`) says nothing of its tensors. */
void bt_pickle_set_state(bt_pickle_machine *m) {
    const int state = bt_pickle_pop(m), node = bt_pickle_top(m);
    if (m->status == BT_OK && bt_pickle_node(m, node)->kind == BT_NODE_CALL)
        bt_pickle_add_child(m, node, state);
}
