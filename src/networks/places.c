#include "networks/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/text.h"

/* ---- names ---- */

/* What DataParallel, torch.compile, Fabric, FSDP and others put between a module and its own names. */
static bool is_wrapper(const char *part, size_t length) {
    static const char *const wrappers[] = {"module",          "_orig_mod",
                                           "_forward_module", "_fsdp_wrapped_module",
                                           "_fpw_module",     "_checkpoint_wrapped_module",
                                           "_module"};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strlen(wrappers[i]) == length && memcmp(part, wrappers[i], length) == 0) return true;
    return false;
}

/* ---- hits ---- */

typedef struct named {
    const char *name;
    int parameter;
} named;

static int compare_named(const void *a, const void *b) {
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static bool add_hit(bt_places *p, int tensor, int parameter, size_t length) {
    bt_place_hit *grown = bt_array_grow(p->hits, (size_t)p->hit_count, 1, &p->hit_room, sizeof *grown);
    if (!grown) return false;
    p->hits = grown;
    p->hits[p->hit_count++] = (bt_place_hit){
        .tensor = tensor, .parameter = parameter, .prefix = p->names[tensor], .length = (int)length};
    return true;
}

/* Every end of the name, from a part on, that is a parameter's name. */
static bool find_hits(bt_places *p, const named *sorted, int tensor) {
    const char *name = p->names[tensor];
    for (const char *end = name; *end;) {
        const named wanted = {.name = end};
        const named *found =
            bsearch(&wanted, sorted, (size_t)p->network->parameter_count, sizeof *sorted, compare_named);
        if (found && !add_hit(p, tensor, found->parameter, end > name ? (size_t)(end - name) - 1 : 0))
            return false;
        end += strcspn(end, ".");
        if (*end) end++;
    }
    return true;
}

static bool find_all_hits(bt_places *p) {
    const int count = p->network->parameter_count;
    named *sorted = malloc((size_t)count * sizeof *sorted);
    bool ok = sorted != NULL;
    for (int i = 0; ok && i < count; i++)
        sorted[i] = (named){p->network->parameters[i].name, i};
    if (ok) qsort(sorted, (size_t)count, sizeof *sorted, compare_named);
    for (int i = 0; ok && i < p->checkpoint->tensor_count; i++) {
        p->names[i] = bt_place_without_wrappers(p->checkpoint->tensors[i].name);
        ok = p->names[i] && find_hits(p, sorted, i);
    }
    free(sorted);
    return ok;
}

/* ---- places ---- */

static int compare_prefixes(const bt_place_hit *a, const bt_place_hit *b) {
    const int shorter = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->prefix, b->prefix, (size_t)shorter);
    return order ? order : a->length - b->length;
}

static int compare_hits(const void *a, const void *b) {
    const bt_place_hit *one = a, *other = b;
    const int order = compare_prefixes(one, other);
    if (order) return order;
    return one->parameter != other->parameter ? one->parameter - other->parameter
                                              : one->tensor - other->tensor;
}

static bool fits(const bt_parameter *parameter, const bt_stored_tensor *tensor) {
    return tensor->rank == parameter->rank &&
           memcmp(tensor->dims, parameter->dims, (size_t)tensor->rank * sizeof *tensor->dims) == 0;
}

static bt_place place_of(const bt_places *p, const bt_place_hit *hits, int count) {
    bt_place place = {.hits = hits, .hit_count = count, .first_tensor = hits[0].tensor};
    for (int i = 0; i < count; i++) {
        place.parameters += i == 0 || hits[i].parameter != hits[i - 1].parameter;
        const bt_stored_tensor *tensor = &p->checkpoint->tensors[hits[i].tensor];
        place.misfits += tensor->unreadable || !fits(&p->network->parameters[hits[i].parameter], tensor);
        if (hits[i].tensor < place.first_tensor) place.first_tensor = hits[i].tensor;
    }
    return place;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Where a word of a name ends: "exp_avg", "gradSum". */
static size_t word_length(const char *word, size_t room) {
    size_t length = 0;
    while (length < room && is_letter(word[length]) &&
           !(length > 0 && word[length] <= 'Z' && word[length - 1] >= 'a'))
        length++;
    return length;
}

static bool same(const char *text, const char *other, size_t length) {
    return strlen(other) == length && strncasecmp_l(text, other, length, bt_text_locale()) == 0;
}

/* A word of what has the network's names and shapes and is none: an optimizer's moments, gradients, the
 * numbers that training began with. */
static bool is_word_of_no_network(const char *word, size_t length, size_t room) {
    static const char *const starts[] = {"optimizer", "optimiser",  "optimization", "moment", "velocit",
                                         "exp_avg",   "square_avg", "acc_delta",    "grad",   "init"};
    static const char *const whole[] = {"opt", "optim", "optims", "sgd", "adam", "adamw", "start"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strlen(starts[i]) <= room && same(word, starts[i], strlen(starts[i]))) return true;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (same(word, whole[i], length)) return true;
    return (length > 4 && same(word + length - 4, "grad", 4)) ||
           (length > 5 && same(word + length - 5, "grads", 5)); /* "wgrad" */
}

static bool looks_like_no_network(const bt_place *place) {
    const char *prefix = place->hits->prefix;
    const size_t room = (size_t)place->hits->length;
    for (size_t at = 0; at < room;) {
        const size_t length = word_length(prefix + at, room - at);
        if (is_word_of_no_network(prefix + at, length, room - at)) return true;
        at += length > 0 ? length : 1;
    }
    return false;
}

/* Where training scripts put a model's own weights, rather than a copy of them. */
static int rank_of_part(const char *part, size_t length) {
    static const char *const usual[] = {"model_state_dict", "state_dict", "model"};
    int i = 0;
    while (i < 3 && !(strlen(usual[i]) == length && memcmp(usual[i], part, length) == 0))
        i++;
    return i;
}

/* Lower is better: what is a network at all, then by the prefix's first part, then by its last. */
static int rank_of(const bt_place *place) {
    const char *prefix = place->hits->prefix;
    const int length = place->hits->length;
    int first = 0, last = length;
    while (first < length && prefix[first] != '.')
        first++;
    while (last > 0 && prefix[last - 1] != '.')
        last--;
    return (looks_like_no_network(place) ? 16 : 0) + 4 * rank_of_part(prefix, (size_t)first) +
           rank_of_part(prefix + last, (size_t)(length - last));
}

/* All places have the same network, so that the numbers of parameters can be compared. */
static int compare_places(const void *a, const void *b) {
    const bt_place *one = a, *other = b;
    if (one->parameters != other->parameters) return other->parameters - one->parameters;
    if ((one->misfits > 0) != (other->misfits > 0)) return (one->misfits > 0) - (other->misfits > 0);
    const int by_rank = rank_of(one) - rank_of(other);
    return by_rank ? by_rank : one->first_tensor - other->first_tensor;
}

static bool make_places(bt_places *p) {
    qsort(p->hits, (size_t)p->hit_count, sizeof *p->hits, compare_hits);
    int count = 0;
    for (int i = 0; i < p->hit_count; i++)
        count += i == 0 || compare_prefixes(&p->hits[i], &p->hits[i - 1]) != 0;
    p->places = malloc(((size_t)count + 1) * sizeof *p->places);
    if (!p->places) return false;
    for (int from = 0, to; from < p->hit_count; from = to) {
        to = from + 1;
        while (to < p->hit_count && compare_prefixes(&p->hits[to], &p->hits[from]) == 0)
            to++;
        p->places[p->count++] = place_of(p, &p->hits[from], to - from);
    }
    qsort(p->places, (size_t)p->count, sizeof *p->places, compare_places);
    return true;
}

bt_status bt_places_open(bt_places **out, const bt_network *network, const bt_checkpoint *checkpoint,
                         bt_error *error) {
    bt_places *p = calloc(1, sizeof *p);
    *out = p;
    if (p) {
        p->network = network;
        p->checkpoint = checkpoint;
        p->names = calloc((size_t)checkpoint->tensor_count + 1, sizeof *p->names);
    }
    if (p && p->names && find_all_hits(p) && (p->hit_count == 0 || make_places(p))) return BT_OK;
    bt_places_close(out);
    return bt_no_memory(error, "reading %s", checkpoint->path);
}

void bt_places_close(bt_places **places) {
    if (!places || !*places) return;
    bt_places *p = *places;
    for (int i = 0; p->names && i < p->checkpoint->tensor_count; i++)
        free(p->names[i]);
    free(p->names);
    free(p->hits);
    free(p->places);
    free(p);
    *places = NULL;
}

/* ---- questions ---- */

bool bt_place_is_whole(const bt_places *places, const bt_place *place) {
    return place->parameters == places->network->parameter_count;
}

bool bt_place_is_same(const bt_places *places, const bt_place *one, const bt_place *other) {
    if (one->hit_count != other->hit_count) return false;
    for (int i = 0; i < one->hit_count; i++) {
        const bt_stored_tensor *a = &places->checkpoint->tensors[one->hits[i].tensor],
                               *b = &places->checkpoint->tensors[other->hits[i].tensor];
        const bool same_storage =
            !a->storage || !b->storage ? a->storage == b->storage : strcmp(a->storage, b->storage) == 0;
        if (one->hits[i].parameter != other->hits[i].parameter || !same_storage || a->first != b->first ||
            a->negated != b->negated || a->shard != b->shard)
            return false;
    }
    return true;
}

char *bt_place_without_wrappers(const char *name) {
    char *out = malloc(strlen(name) + 1), *to = out;
    if (!out) return NULL;
    for (const char *part = name;;) {
        const size_t length = strcspn(part, ".");
        if (length > 0 && !is_wrapper(part, length)) {
            if (to > out) *to++ = '.';
            memcpy(to, part, length);
            to += length;
        }
        if (part[length] == '\0') break;
        part += length + 1;
    }
    *to = '\0';
    return out;
}

bool bt_place_is_meant(const bt_place *place, const char *wanted) {
    const bt_place_hit *hit = place->hits;
    const int length = (int)strlen(wanted);
    if (length == 0) return hit->length == 0;
    return hit->length >= length && memcmp(hit->prefix, wanted, (size_t)length) == 0 &&
           (hit->length == length || hit->prefix[length] == '.');
}

/* Whatever bytes a stranger's key has, the name may end up on a terminal and in a JSON record. */
void bt_place_name(const bt_places *places, const bt_place *place, char *out, size_t size) {
    const char *whole = places->checkpoint->tensors[place->first_tensor].name;
    const size_t first = strcspn(whole, ".");
    if (place->hits->length > 0)
        snprintf(out, size, "%.*s", place->hits->length, place->hits->prefix);
    else
        snprintf(out, size, "%.*s", is_wrapper(whole, first) ? (int)first : 1,
                 is_wrapper(whole, first) ? whole : ".");
    bt_stored_make_text(out);
}

bool bt_place_holds(const bt_places *places, const bt_place *place, int tensor) {
    const char *name = places->names[tensor];
    const int length = place->hits->length;
    return length == 0 || (strncmp(name, place->hits->prefix, (size_t)length) == 0 && name[length] == '.');
}
