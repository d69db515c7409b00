#include "networks/weights-file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "networks/checkpoint-open.h"
#include "networks/places.h"
#include "settings/weights-source.h"

#define NAMED_MAX 4 /* places in a message */

/* "64x3x7x7" */
static void show_shape(char out[96], const int64_t *dims, int rank) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < rank && used < 90; i++)
        used += (size_t)snprintf(out + used, 96 - used, "%s%lld", i ? "x" : "", (long long)dims[i]);
    if (rank == 0) snprintf(out, 96, "a single number");
}

/* ---- what is left over ---- */

/* What takes no part in what a network computes: all that is of no floating-point type (counters, masks, a
 * complex phase), BatchNorm's and AveragedModel's counters where they were made floats, what profilers hang
 * into a model, empty placeholders. */
static bool is_bookkeeping(const bt_stored_tensor *tensor) {
    static const char *const names[] = {"num_batches_tracked", "n_averaged", "num_updates",   "total_ops",
                                        "total_params",        "decay",      "_float_tensor", "version"};
    const char *dot = strrchr(tensor->name, '.'), *last = dot ? dot + 1 : tensor->name;
    if (tensor->unreadable || tensor->count != 1) return tensor->unreadable || tensor->count == 0;
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= strcmp(last, names[i]) == 0;
    return known;
}

/* Marks what belongs to any whole place, and the dictionaries that this one lies in. */
static void mark(const bt_places *places, const bt_place *chosen, bool *of_a_place, bool *group) {
    for (int i = 0; i < places->count; i++)
        for (int k = 0; k < places->places[i].hit_count; k++)
            if (&places->places[i] == chosen || bt_place_is_whole(places, &places->places[i]))
                of_a_place[places->places[i].hits[k].tensor] = true;
    for (int k = 0; k < chosen->hit_count; k++)
        group[places->checkpoint->tensors[chosen->hits[k].tensor].group] = true;
}

/* The first tensor beside the place's own that may not be there; NULL where there is none. */
static bt_status find_left_over(const bt_places *places, const bt_place *chosen, const bt_stored_tensor **out,
                                bt_error *error) {
    const bt_checkpoint *checkpoint = places->checkpoint;
    int groups = 0;
    *out = NULL;
    for (int i = 0; i < checkpoint->tensor_count; i++)
        if (checkpoint->tensors[i].group >= groups) groups = checkpoint->tensors[i].group + 1;
    bool *of_a_place = calloc((size_t)checkpoint->tensor_count + 1, sizeof *of_a_place),
         *group = calloc((size_t)groups + 1, sizeof *group);
    if (of_a_place && group) mark(places, chosen, of_a_place, group);
    for (int i = 0; of_a_place && group && !*out && i < checkpoint->tensor_count; i++) {
        const bt_stored_tensor *tensor = &checkpoint->tensors[i];
        if (!of_a_place[i] && group[tensor->group] && bt_place_holds(places, chosen, i) &&
            !is_bookkeeping(tensor))
            *out = tensor;
    }
    const bool had_memory = of_a_place && group;
    free(of_a_place);
    free(group);
    return had_memory ? BT_OK : bt_no_memory(error, "reading %s", checkpoint->path);
}

static bt_status check_left_over(const bt_places *places, const bt_place *chosen, bt_error *error) {
    const bt_stored_tensor *left;
    char name[BT_TEXT_QUOTE_SIZE];
    bt_status status = find_left_over(places, chosen, &left, error);
    if (status != BT_OK || !left) return status;
    bt_text_quote(left->name, name);
    return bt_fail(error, BT_INVALID, "%s: %s has no tensor %s", places->checkpoint->path,
                   places->network->title, name);
}

/* ---- the chosen place ---- */

/* The network is not there: what of it is missing, or, where most is, what is there instead. The place is
 * named where there is one; where most is missing only if somebody named it: the best is none then. */
static bt_status fail_missing(const bt_places *places, const bt_place *best, const char *wanted,
                              bt_error *error) {
    const bt_network *network = places->network;
    const int missing = network->parameter_count - (best ? best->parameters : 0);
    char shape[96], under[BT_TEXT_QUOTE_SIZE + 16] = "", top[160], name[BT_TEXT_QUOTE_SIZE];
    int first = 0;
    for (int i = 0; best && i < best->hit_count && best->hits[i].parameter <= first; i++)
        if (best->hits[i].parameter == first) first++;
    show_shape(shape, network->parameters[first].dims, network->parameters[first].rank);
    const bool has_most = best && missing <= network->parameter_count / 2;
    if (*wanted) bt_text_quote(wanted, name);
    if (*wanted) snprintf(under, sizeof under, " under %s", name);
    if (has_most && best->hits->length > 0) {
        bt_place_name(places, best, name, sizeof name);
        snprintf(under, sizeof under, " under \"%s\"", name);
    }
    if (has_most)
        return bt_fail(error, BT_INVALID, "%s: %d of %s's %d tensors are missing%s, \"%s\" (%s) first",
                       places->checkpoint->path, missing, network->title, network->parameter_count, under,
                       network->parameters[first].name, shape);
    bt_checkpoint_describe(places->checkpoint, top, sizeof top);
    return bt_fail(error, BT_INVALID, "%s: %d of %s's %d tensors are missing%s, \"%s\" first: it holds %s",
                   places->checkpoint->path, missing, network->title, network->parameter_count, under,
                   network->parameters[first].name, top);
}

static bt_status check_hits(const bt_places *places, const bt_place *chosen, bt_error *error) {
    const bt_checkpoint *checkpoint = places->checkpoint;
    bt_status status = BT_OK;
    for (int i = 0; i < chosen->hit_count && status == BT_OK; i++) {
        const bt_stored_tensor *tensor = &checkpoint->tensors[chosen->hits[i].tensor];
        const bt_parameter *parameter = &places->network->parameters[chosen->hits[i].parameter];
        char wanted[96], got[96], name[BT_TEXT_QUOTE_SIZE];
        bt_text_quote(tensor->name, name);
        if (i > 0 && chosen->hits[i].parameter == chosen->hits[i - 1].parameter)
            return bt_fail(error, BT_INVALID, "%s: has tensor %s twice", checkpoint->path, name);
        if (tensor->rank == parameter->rank &&
            memcmp(tensor->dims, parameter->dims, (size_t)tensor->rank * sizeof *tensor->dims) == 0) {
            status = bt_checkpoint_check(checkpoint, tensor, error);
            continue;
        }
        if (tensor->unreadable && tensor->rank == 0) return bt_checkpoint_check(checkpoint, tensor, error);
        show_shape(wanted, parameter->dims, parameter->rank);
        show_shape(got, tensor->dims, tensor->rank);
        return bt_fail(error, BT_INVALID, "%s: tensor %s is %s where %s has %s", checkpoint->path, name, got,
                       places->network->title, wanted);
    }
    return status;
}

/* ---- which place ---- */

/* The names of whole places, or, with `except`, of those that could be read in its place and have not just
 * its own numbers: "a", "b". */
static int name_others(const bt_places *places, const bt_place *except, char *out, size_t size,
                       char first[40]) {
    size_t used = 0;
    int others = 0;
    out[0] = first[0] = '\0';
    for (int i = 0; i < places->count; i++) {
        const bt_place *place = &places->places[i];
        char name[40];
        if (place == except || !bt_place_is_whole(places, place) ||
            (except && (place->misfits > 0 || bt_place_is_same(places, place, except))))
            continue;
        bt_place_name(places, place, name, sizeof name);
        if (others == 0) memcpy(first, name, sizeof name);
        if (others < NAMED_MAX && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", others ? ", " : "", name);
        others++;
    }
    return others;
}

/* The best place, or the best that begins with what is wanted, if that is not "". */
static const bt_place *best_of(const bt_places *places, const char *wanted, bool any) {
    for (int i = 0; i < places->count; i++)
        if (any || bt_place_is_meant(&places->places[i], wanted)) return &places->places[i];
    return NULL;
}

static bt_status choose(const bt_places *places, const char *wanted, const bt_place **out, bt_error *error) {
    char others[120], first[40], quoted[BT_TEXT_QUOTE_SIZE];
    char *text = bt_place_without_wrappers(wanted);
    *out = NULL;
    if (!text) return bt_no_memory(error, "reading %s", places->checkpoint->path);
    *out = best_of(places, text, *wanted == '\0');
    free(text);
    if (*out && bt_place_is_whole(places, *out)) return BT_OK;
    if (!*wanted || *out) return fail_missing(places, *out, wanted, error);
    bt_text_quote(wanted, quoted);
    if (name_others(places, NULL, others, sizeof others, first) == 0)
        return fail_missing(places, NULL, wanted, error);
    return bt_fail(error, BT_INVALID, "%s: no tensor of %s's lies under %s, but under %s",
                   places->checkpoint->path, places->network->title, quoted, others);
}

/* What was taken is said where it could have been something else and nobody chose. */
static void describe(const bt_places *places, const bt_place *chosen, const char *wanted,
                     bt_weights_found *found) {
    char others[64], first[40], name[40];
    const char *slash = strrchr(places->checkpoint->path, '/'),
               *file = slash ? slash + 1 : places->checkpoint->path;
    *found = (bt_weights_found){.place = ""};
    if (name_others(places, chosen, others, sizeof others, first) == 0) return;
    bt_place_name(places, chosen, name, sizeof name);
    snprintf(found->place, sizeof found->place, "%.*s", BT_WEIGHTS_PLACE_SIZE - 1, name);
    if (*wanted) return;
    snprintf(found->note, sizeof found->note,
             "%.30s holds the network several times: \"%s\" was taken; there is %s too: FILE:%s is that",
             file, name, others, first);
    bt_stored_make_text(found->note); /* a name may be no text, or cut within a character */
}

static bt_status read_places(const bt_places *places, const char *wanted, float *const *values,
                             bt_weights_found *found, bt_error *error) {
    const bt_place *chosen;
    bt_status status = choose(places, wanted, &chosen, error);
    if (status == BT_OK) status = check_hits(places, chosen, error);
    if (status == BT_OK) status = check_left_over(places, chosen, error);
    if (status == BT_OK) describe(places, chosen, wanted, found);
    for (int i = 0; values && status == BT_OK && i < chosen->hit_count; i++)
        status = bt_checkpoint_read(places->checkpoint, &places->checkpoint->tensors[chosen->hits[i].tensor],
                                    values[chosen->hits[i].parameter], error);
    return status;
}

bt_status bt_weights_read_file(const bt_network *network, const char *source, float *const *values,
                               bt_weights_found *found, bt_error *error) {
    bt_checkpoint *checkpoint = NULL;
    bt_places *places = NULL;
    char file[BT_PATH_SIZE];
    const char *wanted = bt_weights_source_split(file, source);
    *found = (bt_weights_found){.place = ""};
    bt_status status = bt_checkpoint_open(&checkpoint, file, error);
    if (status == BT_OK) status = bt_places_open(&places, network, checkpoint, error);
    if (status == BT_OK) status = read_places(places, wanted, values, found, error);
    bt_places_close(&places);
    bt_checkpoint_close(&checkpoint);
    return status;
}
