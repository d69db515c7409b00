/* Where in a checkpoint a network lies: which prefix of its tensors' names leaves the network's own. */
#ifndef BT_NETWORKS_PLACES_H
#define BT_NETWORKS_PLACES_H

#include <stdbool.h>

#include "networks/checkpoint.h"
#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor whose name ends in a parameter's. */
typedef struct bt_place_hit {
    int tensor, parameter;
    const char *prefix; /* what stands before, without the dot; `length` bytes of a text in bt_places */
    int length;
} bt_place_hit;

/* All hits of one prefix, by parameter and then in the file's order. */
typedef struct bt_place {
    const bt_place_hit *hits;
    int hit_count;
    int parameters;   /* that have at least one hit */
    int misfits;      /* hits of another shape than the network's, or that cannot be read */
    int first_tensor; /* in the file's order */
} bt_place;

typedef struct bt_places {
    const bt_network *network;
    const bt_checkpoint *checkpoint;
    char **names; /* of the tensors, without wrappers' parts */
    bt_place_hit *hits;
    bt_place *places; /* the best first: those that have every parameter, then those that have most */
    int hit_count, count;
    size_t hit_room;
} bt_places;

/* Finds them all. BT_NO_MEMORY. `checkpoint` and `network` must outlive the result. */
BT_MUST_USE bt_status bt_places_open(bt_places **out, const bt_network *network,
                                     const bt_checkpoint *checkpoint, bt_error *error);
void bt_places_close(bt_places **places);

bool bt_place_is_whole(const bt_places *places, const bt_place *place);

/* Whether both have the same numbers, from the same bytes of the file. */
bool bt_place_is_same(const bt_places *places, const bt_place *one, const bt_place *other);

/* The name's parts that are no wrapper's, joined again; the caller's. NULL where memory is short. */
char *bt_place_without_wrappers(const char *name);

/* Whether somebody who says `wanted` (without wrappers) means this place: the prefix, or what it begins
 * with. */
bool bt_place_is_meant(const bt_place *place, const char *wanted);

/* The prefix for people, "." where there is none. */
void bt_place_name(const bt_places *places, const bt_place *place, char *out, size_t size);

/* Whether a tensor's name begins with the place's prefix. */
bool bt_place_holds(const bt_places *places, const bt_place *place, int tensor);

#ifdef __cplusplus
}
#endif
#endif
