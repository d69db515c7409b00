/* The tree that a pickle became: how to find something in it, whatever wrote it. */
#include "networks/pickle.h"

#include <stdlib.h>
#include <string.h>

int bt_pickle_child(const bt_pickle *pickle, int node, int index) {
    int link = node == BT_NO_NODE ? BT_NO_NODE : pickle->nodes[node].first;
    while (link != BT_NO_NODE && index-- > 0)
        link = pickle->links[link].next;
    return link == BT_NO_NODE ? BT_NO_NODE : pickle->links[link].node;
}

bool bt_pickle_is(const bt_pickle *pickle, int node, bt_node_kind kind) {
    return node != BT_NO_NODE && pickle->nodes[node].kind == kind;
}

void bt_pickle_show(const bt_node *text, char *out, size_t size) {
    size_t i = 0;
    for (; i < text->length && i < size - 1; i++)
        out[i] = text->text[i] > ' ' && text->text[i] < 127 ? text->text[i] : '?';
    out[i] = '\0';
}

/* Old files have the kind of a persistent id in bytes. */
bool bt_pickle_says(const bt_pickle *pickle, int node, const char *text) {
    if (!bt_pickle_is(pickle, node, BT_NODE_TEXT) && !bt_pickle_is(pickle, node, BT_NODE_BYTES)) return false;
    const bt_node *said = &pickle->nodes[node];
    return strlen(text) == said->length && memcmp(said->text, text, said->length) == 0;
}

bool bt_pickle_names(const bt_pickle *pickle, int node, const char *module, const char *name) {
    if (!bt_pickle_is(pickle, node, BT_NODE_GLOBAL) ||
        !bt_pickle_says(pickle, bt_pickle_child(pickle, node, 1), name))
        return false;
    const int where = bt_pickle_child(pickle, node, 0);
    const size_t length = strlen(module);
    if (module[length - 1] != '*') return bt_pickle_says(pickle, where, module);
    const bt_node *text = &pickle->nodes[where];
    return text->length >= length - 1 && memcmp(text->text, module, length - 1) == 0;
}

int bt_pickle_find(const bt_pickle *pickle, int dict, const char *key) {
    if (!bt_pickle_is(pickle, dict, BT_NODE_DICT)) return BT_NO_NODE;
    int found = BT_NO_NODE; /* the last, as in Python */
    for (int link = pickle->nodes[dict].first; link != BT_NO_NODE;) {
        const int name = pickle->links[link].node, value = pickle->links[link].next;
        if (bt_pickle_says(pickle, name, key)) found = pickle->links[value].node;
        link = pickle->links[value].next;
    }
    return found;
}

void bt_pickle_close(bt_pickle **pickle) {
    if (!pickle || !*pickle) return;
    free((*pickle)->nodes);
    free((*pickle)->links);
    free(*pickle);
    *pickle = NULL;
}
