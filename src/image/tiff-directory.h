/* The directories of a TIFF file, read without believing them.
 *
 * Pixels are libtiff's to read. But it refuses a whole file over a tag that no pixel needs, and which page is
 * wanted, what its values mean and how an EXIF block says that a picture is turned stand in tags that can be
 * looked up without it. Offsets and counts that lead out of the file find nothing; no call fails otherwise,
 * allocates, or takes longer than a directory has entries. */
#ifndef BT_IMAGE_TIFF_DIRECTORY_H
#define BT_IMAGE_TIFF_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_tiff_file {
    const uint8_t *bytes;
    uint64_t size;
    bool big_endian; /* "MM" */
    bool big_tiff;   /* offsets and counts of 8 bytes */
} bt_tiff_file;

typedef struct bt_tiff_entry {
    uint64_t at; /* where the entry itself lies: its tag's two bytes */
    uint16_t tag, type;
    uint64_t count;     /* of values */
    uint64_t values_at; /* where they lie, all within the file */
} bt_tiff_entry;

/* The type of bytes of text. */
#define BT_TIFF_ASCII 2

/* Whether bytes begin as a TIFF file does. They are kept by reference. */
bool bt_tiff_open(bt_tiff_file *out, const void *bytes, uint64_t size);

/* The number of `width` bytes at `at`, in the file's byte order; 0 where the file ends before. */
uint64_t bt_tiff_number_at(const bt_tiff_file *file, uint64_t at, unsigned width);

/* Where the first directory lies, and the one after `directory`; 0: there is none. What they give need not
 * lie in the file: bt_tiff_has_directory tells. */
uint64_t bt_tiff_first(const bt_tiff_file *file);
uint64_t bt_tiff_next(const bt_tiff_file *file, uint64_t directory);
bool bt_tiff_has_directory(const bt_tiff_file *file, uint64_t directory);

/* The entry of `tag`, the one after `*entry` where that is one of this tag already: begin with {0}. False
 * where there is none (any more), or its values are not in the file or of no known type. */
bool bt_tiff_find(const bt_tiff_file *file, uint64_t directory, uint16_t tag, bt_tiff_entry *entry);

/* Where an entry of `tag` lies, whatever it holds; 0: nowhere. */
uint64_t bt_tiff_place(const bt_tiff_file *file, uint64_t directory, uint16_t tag);

/* Value `index` of an entry; fractions divided, texts' bytes as numbers. NaN beyond the last. */
double bt_tiff_value(const bt_tiff_file *file, const bt_tiff_entry *entry, uint64_t index);

/* The first value of `tag`, and `otherwise` where there is none. */
double bt_tiff_number(const bt_tiff_file *file, uint64_t directory, uint16_t tag, double otherwise);

#ifdef __cplusplus
}
#endif
#endif
