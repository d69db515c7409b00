#include "networks/torch-state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "networks/torch-tensor.h"

/* Bounds on what a stranger's dictionaries may hold, far above any network's: bytes of a name with all its
 * dictionaries', dictionaries within dictionaries, tensors. Higher: a file made to do harm takes more memory
 * and stack. Lower: what is nested deeper, or named longer, is passed over as no network's. */
#define PATH_ROOM   512
#define DEPTH_MAX   100
#define TENSORS_MAX (1 << 17)

/* How often, on average, each part of a pickle may be visited, since parts are shared; and a number that even
 * the smallest may use. Higher: what doubles itself level by level takes that much longer to be refused.
 * Lower: a checkpoint that holds its network under many keys is refused. */
#define VISITS_EACH 16
#define VISITS_ANY  65536

typedef struct walk {
    bt_checkpoint *checkpoint;
    const bt_pickle *pickle;
    char path[PATH_ROOM];
    size_t length;          /* of the path */
    int depth, groups, top; /* top: the depth of the outermost dictionary or list */
    int arrays;             /* of the tensors, how many are numpy's */
    uint64_t steps_left;
    bool *open; /* of each node, whether the walk is inside it */
    bt_status status;
    bt_error *error;
} walk;

static void visit_node(walk *w, int node, int group);

/* Parts may be shared, and then are gone through as often as they are held; within reason. */
static bool may_take_steps(walk *w, int steps) {
    if (w->status == BT_OK && w->steps_left < (uint64_t)steps)
        w->status = bt_fail(w->error, BT_PARSE,
                            "%s: its dictionaries hold one another without end: save "
                            "model.state_dict() alone",
                            w->checkpoint->path);
    if (w->status != BT_OK) return false;
    w->steps_left -= (uint64_t)steps;
    return true;
}

static bool may_step(walk *w) {
    return may_take_steps(w, 1);
}

/* ---- names ---- */

/* Puts a part behind the path; false where it does not fit: no network has such a name. */
static bool enter(walk *w, const char *part, size_t length) {
    if (w->length + length + 2 > sizeof w->path) return false;
    if (w->length > 0) w->path[w->length++] = '.';
    for (size_t i = 0; i < length; i++)
        w->path[w->length++] = part[i] ? part[i] : '?';
    w->path[w->length] = '\0';
    return true;
}

static void leave(walk *w, size_t length) {
    w->length = length;
    w->path[length] = '\0';
}

static bool enter_key(walk *w, int key) {
    char digits[24];
    const bt_node *node = &w->pickle->nodes[key];
    if (node->kind == BT_NODE_TEXT || node->kind == BT_NODE_BYTES) return enter(w, node->text, node->length);
    const bool known = node->kind == BT_NODE_INTEGER;
    snprintf(digits, sizeof digits, known ? "%lld" : "?", known ? (long long)node->integer : 0);
    return enter(w, digits, strlen(digits));
}

/* ---- the top, for people ---- */

static const char *describe_class(const bt_pickle *pickle, int call, char out[BT_ENTRY_KIND_SIZE]) {
    const int type = bt_pickle_child(pickle, call, 0);
    if (bt_torch_is_tensor(pickle, call))
        return bt_torch_is_array(pickle, call) ? "a numpy array" : "a tensor";
    if (!bt_pickle_is(pickle, type, BT_NODE_GLOBAL)) return "an object";
    const bt_node *name = &pickle->nodes[bt_pickle_child(pickle, type, 1)];
    char shown[25];
    bt_pickle_show(name, shown, sizeof shown);
    snprintf(out, BT_ENTRY_KIND_SIZE, "an object (%s)", shown);
    return out;
}

static const char *describe_kind(const bt_pickle *pickle, int node, char out[BT_ENTRY_KIND_SIZE]) {
    switch (pickle->nodes[node].kind) {
    case BT_NODE_NONE:
    case BT_NODE_BOOLEAN:
    case BT_NODE_GLOBAL:
        return "a word";
    case BT_NODE_INTEGER:
    case BT_NODE_NUMBER:
        return "a number";
    case BT_NODE_TEXT:
        return "a text";
    case BT_NODE_BYTES:
        return "bytes";
    case BT_NODE_LIST:
        snprintf(out, BT_ENTRY_KIND_SIZE, "a list of %d", pickle->nodes[node].count);
        return out;
    case BT_NODE_DICT:
        snprintf(out, BT_ENTRY_KIND_SIZE, "a dictionary of %d", pickle->nodes[node].count / 2);
        return out;
    case BT_NODE_CALL:
        return describe_class(pickle, node, out);
    default:
        return "an object";
    }
}

/* ---- dictionaries and lists ---- */

static void add_tensor(walk *w, int node, int group) {
    if (w->checkpoint->tensor_count == TENSORS_MAX) {
        w->status =
            bt_fail(w->error, BT_PARSE, "%s: holds more than %d tensors: save model.state_dict() alone",
                    w->checkpoint->path, TENSORS_MAX);
        return;
    }
    bt_stored_tensor *tensor = bt_checkpoint_add(w->checkpoint, w->path, w->length);
    if (!tensor) {
        w->status = bt_no_memory(w->error, "reading %s", w->checkpoint->path);
        return;
    }
    tensor->group = group;
    w->arrays += bt_torch_is_array(w->pickle, node);
    w->status = bt_torch_tensor_read(tensor, w->pickle, node, w->error);
}

/* What lies under a key, or an index, of `around`. A tensor counts where it has a name. */
static void visit_entry(walk *w, int key, int index, int value, int group) {
    const size_t length = w->length;
    const int before = w->checkpoint->tensor_count - w->arrays;
    char digits[24], kind[BT_ENTRY_KIND_SIZE];
    snprintf(digits, sizeof digits, "%d", index);
    if (!(key == BT_NO_NODE ? enter(w, digits, strlen(digits)) : enter_key(w, key))) return;
    if (!bt_torch_is_tensor(w->pickle, value))
        visit_node(w, value, group);
    else if (key != BT_NO_NODE)
        add_tensor(w, value, group);
    if (w->depth == w->top && w->status == BT_OK)
        bt_checkpoint_note(w->checkpoint, w->path, describe_kind(w->pickle, value, kind),
                           w->checkpoint->tensor_count - w->arrays - before);
    leave(w, length);
}

static void visit_dict(walk *w, int dict, int group) {
    const bt_pickle *p = w->pickle;
    for (int link = p->nodes[dict].first; link != BT_NO_NODE && may_step(w);) {
        const int key = p->links[link].node;
        link = p->links[link].next;
        visit_entry(w, key, 0, p->links[link].node, group);
        link = p->links[link].next;
    }
}

static bool is_container(const bt_pickle *pickle, int node) {
    return bt_pickle_is(pickle, node, BT_NODE_LIST) || bt_pickle_is(pickle, node, BT_NODE_DICT) ||
           bt_pickle_is(pickle, node, BT_NODE_CALL);
}

/* Of a list only what may hold names. */
static void visit_list(walk *w, int list, bool numbered) {
    const bt_pickle *p = w->pickle;
    int index = 0;
    for (int link = p->nodes[list].first; link != BT_NO_NODE && may_step(w);
         link = p->links[link].next, index++) {
        const int node = p->links[link].node;
        if (!is_container(p, node)) continue;
        if (numbered)
            visit_entry(w, BT_NO_NODE, index, node, 0);
        else if (!bt_torch_is_tensor(p, node))
            visit_node(w, node, 0);
    }
}

/* ---- pickled modules ---- */

/* The attributes of an object: the last state that is a dictionary. */
static int attributes_of(walk *w, int call) {
    const bt_pickle *p = w->pickle;
    int found = BT_NO_NODE, index = 0;
    for (int link = p->nodes[call].first; link != BT_NO_NODE && may_step(w); link = p->links[link].next)
        if (index++ >= 2 && p->nodes[p->links[link].node].kind == BT_NODE_DICT) found = p->links[link].node;
    return found != BT_NO_NODE && may_take_steps(w, p->nodes[found].count) ? found : BT_NO_NODE;
}

static bool is_module(walk *w, int node) {
    const bt_pickle *pickle = w->pickle;
    if (!bt_pickle_is(pickle, node, BT_NODE_CALL)) return false;
    const int attributes = attributes_of(w, node);
    return bt_pickle_is(pickle, bt_pickle_find(pickle, attributes, "_parameters"), BT_NODE_DICT) &&
           bt_pickle_is(pickle, bt_pickle_find(pickle, attributes, "_modules"), BT_NODE_DICT);
}

/* Whether a set has that text; sets are lists here, or, before protocol 4, calls with a list. */
static bool set_holds(walk *w, int set, int text) {
    const bt_pickle *p = w->pickle;
    if (bt_pickle_is(p, set, BT_NODE_CALL)) set = bt_pickle_child(p, bt_pickle_child(p, set, 1), 0);
    if (!bt_pickle_is(p, set, BT_NODE_LIST) || p->nodes[text].kind != BT_NODE_TEXT) return false;
    for (int link = p->nodes[set].first; link != BT_NO_NODE && may_step(w); link = p->links[link].next) {
        const bt_node *one = &p->nodes[p->links[link].node], *other = &p->nodes[text];
        if (one->kind == BT_NODE_TEXT && one->length == other->length &&
            memcmp(one->text, other->text, one->length) == 0)
            return true;
    }
    return false;
}

/* As state_dict() does: parameters, those buffers that are kept, then the modules within. */
static void visit_module(walk *w, int module, int group) {
    const bt_pickle *p = w->pickle;
    const int attributes = attributes_of(w, module);
    const int passing = bt_pickle_find(p, attributes, "_non_persistent_buffers_set");
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const int dict = bt_pickle_find(p, attributes, parts[i]);
        if (!bt_pickle_is(p, dict, BT_NODE_DICT)) continue;
        for (int link = p->nodes[dict].first; link != BT_NO_NODE && may_step(w);) {
            const int key = p->links[link].node;
            link = p->links[link].next;
            const int value = p->links[link].node;
            link = p->links[link].next;
            if (i == 2 ? is_module(w, value)
                       : bt_torch_is_tensor(p, value) && !(i == 1 && set_holds(w, passing, key)))
                visit_entry(w, key, 0, value, group);
        }
    }
}

/* Not a module: what was put into it, its attributes, and what it was made of. */
static void visit_object(walk *w, int call) {
    const bt_pickle *p = w->pickle;
    if (p->nodes[call].items != BT_NO_NODE) visit_node(w, p->nodes[call].items, 0);
    int index = 0;
    for (int link = p->nodes[call].first; link != BT_NO_NODE && may_step(w); link = p->links[link].next) {
        const int state = p->links[link].node;
        if (index++ < 2) continue;
        if (p->nodes[state].kind == BT_NODE_LIST)
            visit_list(w, state, false); /* (attributes, those of __slots__) */
        else
            visit_node(w, state, 0);
    }
    const int arguments = bt_pickle_child(p, call, 1);
    if (bt_pickle_is(p, arguments, BT_NODE_LIST)) visit_list(w, arguments, p->nodes[arguments].count > 1);
}

/* `group`: of a module within a module, theirs; 0 elsewhere: a dictionary is a group of its own. */
static void visit_node(walk *w, int node, int group) {
    if (!is_container(w->pickle, node) || w->open[node] || w->depth == DEPTH_MAX || !may_step(w)) return;
    w->open[node] = true;
    w->depth++;
    const bool module = is_module(w, node);
    if (w->top == 0 && (module || w->pickle->nodes[node].kind != BT_NODE_CALL)) w->top = w->depth;
    if (w->pickle->nodes[node].kind == BT_NODE_LIST)
        visit_list(w, node, true);
    else if (w->pickle->nodes[node].kind == BT_NODE_DICT)
        visit_dict(w, node, ++w->groups);
    else if (module)
        visit_module(w, node, group > 0 ? group : ++w->groups);
    else
        visit_object(w, node);
    w->depth--;
    w->open[node] = false;
}

static bt_status fail_empty(const bt_checkpoint *checkpoint, const bt_pickle *pickle, bt_error *error) {
    char kind[BT_ENTRY_KIND_SIZE], top[160];
    const char *root = describe_kind(pickle, pickle->root, kind);
    if (checkpoint->entry_count == 0)
        return bt_fail(error, BT_PARSE, "%s: holds no dictionary of tensors, but %s: save model.state_dict()",
                       checkpoint->path, root);
    bt_checkpoint_describe(checkpoint, top, sizeof top);
    return bt_fail(error, BT_PARSE, "%s: holds no dictionary of tensors, but %s: it holds %s",
                   checkpoint->path, root, top);
}

bt_status bt_torch_state_read(bt_checkpoint *checkpoint, const bt_pickle *pickle, bt_error *error) {
    walk w = {.checkpoint = checkpoint, .pickle = pickle, .error = error};
    w.open = calloc((size_t)pickle->node_count, sizeof *w.open);
    if (!w.open) return bt_no_memory(error, "reading %s", checkpoint->path);
    w.steps_left = VISITS_EACH * ((uint64_t)pickle->node_count + (uint64_t)pickle->link_count) + VISITS_ANY;
    visit_node(&w, pickle->root, 0);
    free(w.open);
    if (w.status != BT_OK || checkpoint->tensor_count > 0) return w.status;
    return fail_empty(checkpoint, pickle, error);
}
