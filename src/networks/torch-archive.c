/* What torch.save writes since 1.6: a zip archive with a pickle that describes the tensors (NAME/data.pkl)
 * and one entry for each storage (NAME/data/KEY). The archive is libzip's to read, the pickle is
 * pickle.c's. */
#include "networks/checkpoint-formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BT_WITHOUT_FILE_LIBRARIES
#include <zip.h>
#endif

#include "base/text.h"
#include "networks/pickle.h"
#include "networks/torch-state.h"

static bool recognises(const bt_checkpoint_start *start) {
    return memcmp(start->bytes, "PK\3\4", 4) == 0;
}

#ifndef BT_WITHOUT_FILE_LIBRARIES

/* Bytes of a pickle that are read, and of one that is compressed. Higher: a file made to do harm takes more
 * memory before it is refused, and what is compressed may do so from a small file. Lower: checkpoints of very
 * large networks are refused. */
#define PICKLE_MAX   (512 << 20)
#define UNPACKED_MAX (16 << 20)

#define ENTRY_SIZE 512 /* bytes of an entry's name */

typedef struct archive {
    zip_t *zip;
    char prefix[256]; /* "NAME/" */
} archive;

static void close_archive(void *inside) {
    archive *a = inside;
    if (a->zip) zip_discard(a->zip);
    free(a);
}

/* ---- numbers ---- */

/* Opens a storage's entry where the tensor's first number lies; BT_PARSE where it does not reach that far.
 * Torch stores the numbers as they are: what is compressed could be far longer than the file, and is
 * refused. */
static bt_status open_storage(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor,
                              zip_file_t **out, bt_error *error) {
    const archive *a = checkpoint->inside;
    const char *path = checkpoint->path;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    char entry[ENTRY_SIZE];
    zip_stat_t about;
    snprintf(entry, sizeof entry, "%sdata/%s", a->prefix, tensor->storage);
    if (zip_stat(a->zip, entry, 0, &about) != 0 || (about.valid & wanted) != wanted)
        return bt_stored_fail(tensor, path, "has a storage that is not in the archive", error);
    if (about.comp_method != ZIP_CM_STORE)
        return bt_stored_fail(tensor, path, "has a storage that is compressed, as torch.save never does",
                              error);
    if (about.size < tensor->first + bt_stored_span(tensor))
        return bt_stored_fail(tensor, path, "does not lie within its storage", error);
    *out = zip_fopen(a->zip, entry, 0);
    if (!*out) return bt_stored_fail(tensor, path, "has a storage that cannot be opened", error);
    if (tensor->first == 0 || zip_fseek(*out, (zip_int64_t)tensor->first, SEEK_SET) == 0) return BT_OK;
    zip_fclose(*out);
    return bt_stored_fail(tensor, path, "has a storage that cannot be read from where it lies", error);
}

static bool read_all(zip_file_t *file, char *to, uint64_t bytes) {
    while (bytes > 0) {
        zip_int64_t got = zip_fread(file, to, bytes);
        if (got <= 0) return false;
        to += got;
        bytes -= (uint64_t)got;
    }
    return true;
}

static bool next_of_entry(void *from, void *to, uint64_t bytes) {
    return read_all(from, to, bytes);
}

static bt_status read_tensor(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    zip_file_t *file = NULL;
    bt_status status = open_storage(checkpoint, tensor, &file, error);
    if (status != BT_OK) return status;
    status = bt_stored_read(tensor, (bt_stored_source){next_of_entry, file}, out, checkpoint->path, error);
    zip_fclose(file);
    return status;
}

/* ---- the archive ---- */

/* Reads a whole small entry; NUL-terminated, the caller's. */
static bt_status read_entry(const bt_checkpoint *checkpoint, const char *entry, char **out, size_t *size,
                            bt_error *error) {
    const archive *a = checkpoint->inside;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    zip_stat_t about;
    zip_file_t *file = NULL;
    *out = NULL;
    if (zip_stat(a->zip, entry, 0, &about) != 0 || (about.valid & wanted) != wanted ||
        about.size > PICKLE_MAX || (about.comp_method != ZIP_CM_STORE && about.size > UNPACKED_MAX) ||
        !(file = zip_fopen(a->zip, entry, 0)))
        return bt_fail(error, BT_PARSE, "%s: %.100s in it cannot be read", checkpoint->path, entry);
    bt_status status = BT_OK;
    *size = about.size;
    *out = malloc(about.size + 1);
    if (!*out)
        status = bt_no_memory(error, "reading %s", checkpoint->path);
    else if (!read_all(file, *out, about.size))
        status =
            bt_fail(error, BT_PARSE, "%s: %.100s in it is cut short or damaged", checkpoint->path, entry);
    else
        (*out)[about.size] = '\0';
    zip_fclose(file);
    if (status != BT_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

/* Which folder of the archive is torch's, and that it is a checkpoint rather than a program. */
static bt_status find_prefix(bt_checkpoint *checkpoint, bt_error *error) {
    archive *a = checkpoint->inside;
    const zip_int64_t entries = zip_get_num_entries(a->zip, 0);
    for (zip_int64_t i = 0; i < entries; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, 0);
        const size_t length = name ? strlen(name) : 0;
        if (!name || !bt_text_ends_with(name, "/data.pkl") || length - 8 >= sizeof a->prefix) continue;
        memcpy(a->prefix, name, length - 8);
        a->prefix[length - 8] = '\0';
        break;
    }
    if (!*a->prefix)
        return bt_fail(error, BT_PARSE, "%s: a zip archive, but torch.save did not write it",
                       checkpoint->path);
    char entry[ENTRY_SIZE];
    snprintf(entry, sizeof entry, "%sconstants.pkl", a->prefix);
    if (zip_name_locate(a->zip, entry, 0) >= 0)
        return bt_fail(error, BT_PARSE,
                       "%s: a TorchScript program, not a state dictionary: save "
                       "model.state_dict()",
                       checkpoint->path);
    return BT_OK;
}

static bt_status check_byte_order(const bt_checkpoint *checkpoint, bt_error *error) {
    const archive *a = checkpoint->inside;
    char entry[ENTRY_SIZE], *order;
    size_t size;
    snprintf(entry, sizeof entry, "%sbyteorder", a->prefix);
    if (zip_name_locate(a->zip, entry, 0) < 0) return BT_OK; /* before 2.1 always little */
    bt_status status = read_entry(checkpoint, entry, &order, &size, error);
    if (status == BT_OK && strcmp(order, "little") != 0)
        status =
            bt_fail(error, BT_UNSUPPORTED, "%s: its numbers have their highest byte first", checkpoint->path);
    free(order);
    return status;
}

static bt_status open_archive(bt_checkpoint *checkpoint, bt_error *error) {
    archive *a = calloc(1, sizeof *a);
    int why = 0;
    char entry[ENTRY_SIZE], *bytes = NULL;
    size_t size = 0;
    bt_pickle *pickle = NULL;
    if (!a) return bt_no_memory(error, "reading %s", checkpoint->path);
    checkpoint->inside = a;
    a->zip = zip_open(checkpoint->file, ZIP_RDONLY | ZIP_CHECKCONS, &why);
    if (!a->zip)
        return bt_fail(error, BT_PARSE, "%s: a zip archive that is broken or cut short", checkpoint->path);
    bt_status status = find_prefix(checkpoint, error);
    if (status == BT_OK) status = check_byte_order(checkpoint, error);
    snprintf(entry, sizeof entry, "%sdata.pkl", a->prefix);
    if (status == BT_OK) status = read_entry(checkpoint, entry, &bytes, &size, error);
    if (status == BT_OK) status = bt_pickle_open(&pickle, bytes, size, checkpoint->path, error);
    if (status == BT_OK) status = bt_torch_state_read(checkpoint, pickle, error);
    bt_pickle_close(&pickle);
    free(bytes);
    return status;
}

const bt_checkpoint_format bt_checkpoint_torch_archive = {
    .recognises = recognises, .open = open_archive, .read = read_tensor, .close = close_archive};

#else

static bt_status open_archive(bt_checkpoint *checkpoint, bt_error *error) {
    return bt_fail(error, BT_UNSUPPORTED,
                   "%s: built without libzip, which reads such files: give safetensors", checkpoint->path);
}

const bt_checkpoint_format bt_checkpoint_torch_archive = {.recognises = recognises, .open = open_archive};

#endif
