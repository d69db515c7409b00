#include "image/tiff-directory.h"

#include <math.h>
#include <string.h>

#define ENTRIES_MAX 4096 /* libtiff reads no directory of more */

/* By TIFF's numbers: how many bytes a value has. */
static const uint8_t bytes_of_type[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};

enum { RATIONAL = 5, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, SLONG8 = 17 };

uint64_t bt_tiff_number_at(const bt_tiff_file *f, uint64_t at, unsigned width) {
    uint64_t value = 0;
    if (at > f->size || width > f->size - at) return 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)f->bytes[at + (f->big_endian ? width - 1 - i : i)] << (8 * i);
    return value;
}

static unsigned count_bytes(const bt_tiff_file *f) {
    return f->big_tiff ? 8 : 2;
}

static unsigned offset_bytes(const bt_tiff_file *f) {
    return f->big_tiff ? 8 : 4;
}

static unsigned entry_bytes(const bt_tiff_file *f) {
    return 4 + 2 * offset_bytes(f);
}

bool bt_tiff_open(bt_tiff_file *out, const void *bytes, uint64_t size) {
    static const char begins[4][4] = {"II*\0", "MM\0*", "II+\0", "MM\0+"};
    for (int i = 0; i < 4; i++)
        if (size >= 8 && memcmp(bytes, begins[i], 4) == 0) {
            *out = (bt_tiff_file){.bytes = bytes, .size = size, .big_endian = i % 2 == 1, .big_tiff = i >= 2};
            return true;
        }
    return false;
}

uint64_t bt_tiff_first(const bt_tiff_file *f) {
    return bt_tiff_number_at(f, offset_bytes(f), offset_bytes(f));
}

/* Entries of a directory, as far as they are in the file; so many as no directory has are none. */
static uint64_t entries_of(const bt_tiff_file *f, uint64_t directory) {
    if (directory > f->size || f->size - directory < count_bytes(f)) return 0;
    uint64_t said = bt_tiff_number_at(f, directory, count_bytes(f));
    uint64_t room = (f->size - directory - count_bytes(f)) / entry_bytes(f);
    if (said > ENTRIES_MAX) return 0;
    return said < room ? said : room;
}

bool bt_tiff_has_directory(const bt_tiff_file *f, uint64_t directory) {
    return directory != 0 && entries_of(f, directory) > 0;
}

uint64_t bt_tiff_next(const bt_tiff_file *f, uint64_t directory) {
    uint64_t entries = entries_of(f, directory);
    if (entries == 0) return 0;
    return bt_tiff_number_at(f, directory + count_bytes(f) + entries * entry_bytes(f), offset_bytes(f));
}

static uint64_t entry_at(const bt_tiff_file *f, uint64_t directory, uint64_t index) {
    return directory + count_bytes(f) + index * entry_bytes(f);
}

/* False where its values are not in the file. */
static bool read_entry(const bt_tiff_file *f, uint64_t at, bt_tiff_entry *out) {
    unsigned wide = offset_bytes(f);
    *out = (bt_tiff_entry){.at = at,
                           .tag = (uint16_t)bt_tiff_number_at(f, at, 2),
                           .type = (uint16_t)bt_tiff_number_at(f, at + 2, 2),
                           .count = bt_tiff_number_at(f, at + 4, wide),
                           .values_at = at + 4 + wide};
    uint64_t each = out->type < sizeof bytes_of_type ? bytes_of_type[out->type] : 0;
    if (each == 0 || out->count == 0 || out->count > f->size / each) return false;
    if (out->count * each > wide) out->values_at = bt_tiff_number_at(f, out->values_at, wide);
    return out->values_at <= f->size && out->count * each <= f->size - out->values_at;
}

bool bt_tiff_find(const bt_tiff_file *f, uint64_t directory, uint16_t tag, bt_tiff_entry *entry) {
    uint64_t count = entries_of(f, directory), after = entry->tag == tag ? entry->at : 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = entry_at(f, directory, i);
        if (at > after && bt_tiff_number_at(f, at, 2) == tag && read_entry(f, at, entry)) return true;
    }
    return false;
}

uint64_t bt_tiff_place(const bt_tiff_file *f, uint64_t directory, uint16_t tag) {
    uint64_t count = entries_of(f, directory);
    for (uint64_t i = 0; i < count; i++)
        if (bt_tiff_number_at(f, entry_at(f, directory, i), 2) == tag) return entry_at(f, directory, i);
    return 0;
}

double bt_tiff_value(const bt_tiff_file *f, const bt_tiff_entry *entry, uint64_t index) {
    if (index >= entry->count) return NAN;
    unsigned wide = bytes_of_type[entry->type];
    uint64_t at = entry->values_at + index * wide, value = bt_tiff_number_at(f, at, wide);
    uint64_t sign = (uint64_t)1 << (8 * wide - 1);
    uint32_t bits = (uint32_t)value;
    float single;
    double number;
    switch (entry->type) {
    case RATIONAL:
        return (double)bt_tiff_number_at(f, at, 4) / (double)bt_tiff_number_at(f, at + 4, 4);
    case SRATIONAL:
        return (double)(int32_t)bt_tiff_number_at(f, at, 4) /
               (double)(int32_t)bt_tiff_number_at(f, at + 4, 4);
    case SBYTE:
    case SSHORT:
    case SLONG:
    case SLONG8:
        return value & sign ? -(double)((value ^ (sign | (sign - 1))) + 1) : (double)value;
    case FLOAT:
        memcpy(&single, &bits, sizeof single);
        return (double)single;
    case DOUBLE:
        memcpy(&number, &value, sizeof number);
        return number;
    default:
        return (double)value;
    }
}

double bt_tiff_number(const bt_tiff_file *f, uint64_t directory, uint16_t tag, double otherwise) {
    bt_tiff_entry entry = {0};
    return bt_tiff_find(f, directory, tag, &entry) ? bt_tiff_value(f, &entry, 0) : otherwise;
}
