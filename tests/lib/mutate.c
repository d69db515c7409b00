#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define CHANGES_MAX 4

/* The copy under way. */
typedef struct patient {
    uint8_t *bytes;
    size_t size, room;
    bt_random random;
} patient;

static size_t below(patient *p, size_t bound) {
    return bound ? (size_t)bt_random_below(&p->random, bound) : 0;
}

/* Mostly near the front, where headers are. */
static size_t somewhere(patient *p) {
    size_t near = p->size < 256 ? p->size : 256;
    return below(p, below(p, 2) ? near : p->size);
}

/* Short more often than long. */
static size_t some_length(patient *p, size_t most) {
    size_t bound = (size_t)1 << below(p, 14);
    return below(p, (bound < most ? bound : most) + 1);
}

static void flip_bits(patient *p) {
    for (size_t left = 1 + below(p, 8); left > 0 && p->size; left--)
        p->bytes[somewhere(p)] ^= (uint8_t)(1u << below(p, 8));
}

static void scramble(patient *p) {
    size_t at = somewhere(p), length = some_length(p, p->size - at);
    for (size_t i = 0; i < length; i++)
        p->bytes[at + i] = (uint8_t)below(p, 256);
}

static void fill(patient *p) {
    static const uint8_t values[] = {0x00, 0xff, 0x7f, 0x80, '0', '"'};
    size_t at = somewhere(p), length = some_length(p, p->size - at);
    memset(p->bytes + at, values[below(p, sizeof values)], length);
}

static void cut_off(patient *p) {
    p->size = below(p, p->size + 1);
}

static void take_out(patient *p) {
    size_t at = somewhere(p), length = some_length(p, p->size - at);
    memmove(p->bytes + at, p->bytes + at + length, p->size - at - length);
    p->size -= length;
}

/* Puts a piece of `from` over what is there, or between. `from` may be the copy's own good file. */
static void put_in(patient *p, const mutate_file *from) {
    size_t at = somewhere(p), start = below(p, from->size), length = some_length(p, from->size - start);
    if (below(p, 2)) { /* between: what follows moves up, as far as there is room */
        if (length > p->room - p->size) length = p->room - p->size;
        memmove(p->bytes + at + length, p->bytes + at, p->size - at);
        p->size += length;
    }
    if (length > p->size - at) length = p->size - at;
    if (length) memcpy(p->bytes + at, from->bytes + start, length);
}

/* The front of the one and the back of another. */
static void splice(patient *p, const mutate_file *from) {
    size_t at = below(p, p->size + 1), start = below(p, from->size + 1), length = from->size - start;
    if (length > p->room - at) length = p->room - at;
    if (length) memcpy(p->bytes + at, from->bytes + start, length);
    p->size = at + length;
}

static uint64_t awkward(patient *p, uint64_t was, int width) {
    static const uint64_t values[] = {0,          1,          2,
                                      3,          0x7f,       0xff,
                                      0x7fff,     0xffff,     0x10000,
                                      100000,     0x7fffffff, 0x80000000,
                                      0xffffffff, 1ULL << 62, 0x7fffffffffffffff,
                                      1ULL << 63, UINT64_MAX, UINT64_MAX - 7};
    switch (below(p, 5)) {
    case 0:
        return was + 1;
    case 1:
        return was - 1;
    case 2:
        return was << (1 + below(p, 16));
    case 3: /* in the order of the file's own size */
        return p->size + below(p, 17) - 8;
    default:
        return values[below(p, sizeof values / sizeof *values)] >> (width < 8 ? below(p, 2) : 0);
    }
}

/* A number of 1, 2, 4 or 8 bytes, of either order, that is read as a length, a count or an offset. */
static void edit_number(patient *p) {
    int width = 1 << below(p, 4), big = (int)below(p, 2);
    size_t at = somewhere(p);
    if (at + (size_t)width > p->size) return;
    uint64_t value = 0;
    for (int i = 0; i < width; i++)
        value |= (uint64_t)p->bytes[at + (size_t)(big ? width - 1 - i : i)] << (8 * i);
    value = awkward(p, value, width);
    for (int i = 0; i < width; i++)
        p->bytes[at + (size_t)(big ? width - 1 - i : i)] = (uint8_t)(value >> (8 * i));
}

/* A number in decimal digits, as text formats hold them. */
static void edit_digits(patient *p) {
    size_t at = somewhere(p), tries = p->size;
    while (tries > 0 && (p->bytes[at] < '0' || p->bytes[at] > '9')) {
        at = (at + 1) % p->size;
        tries--;
    }
    for (; tries > 0 && at < p->size && p->bytes[at] >= '0' && p->bytes[at] <= '9'; at++)
        p->bytes[at] = (uint8_t)('0' + (below(p, 3) ? 9 : below(p, 10)));
}

static void change(patient *p, const mutate_file *other) {
    switch (below(p, 12)) {
    case 0:
    case 1:
        flip_bits(p);
        break;
    case 2:
        scramble(p);
        break;
    case 3:
        fill(p);
        break;
    case 4:
        cut_off(p);
        break;
    case 5:
        take_out(p);
        break;
    case 6:
        put_in(p, other);
        break;
    case 7:
        splice(p, other);
        break;
    case 8:
        edit_digits(p);
        break;
    default:
        edit_number(p);
    }
}

size_t mutate(uint64_t seed, uint64_t index, const mutate_file *files, int count, uint8_t *out, size_t room) {
    char purpose[48];
    snprintf(purpose, sizeof purpose, "mutate/%llu", (unsigned long long)index);
    const mutate_file *good = &files[index % (uint64_t)count];
    patient p = {.bytes = out, .size = good->size < room ? good->size : room, .room = room};
    p.random = bt_random_stream(seed, purpose);
    if (p.size) memcpy(out, good->bytes, p.size);
    for (size_t left = 1 + below(&p, CHANGES_MAX); left > 0 && p.size; left--)
        change(&p, &files[below(&p, (size_t)count)]);
    return p.size;
}

static uint64_t from_environment(const char *name, uint64_t usual) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : usual;
}

uint64_t mutate_cases(uint64_t usual) {
    return from_environment("BATCHTUNE_MUTATIONS", usual);
}

uint64_t mutate_seed(void) {
    return from_environment("BATCHTUNE_SEED", 1);
}
