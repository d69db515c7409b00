#include "networks/model-archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BT_WITHOUT_FILE_LIBRARIES
#include <zip.h>
#endif

#include "base/files.h"
#include "base/text.h"
#include "image/resize.h"
#include "networks/onnx-file.h"

#define PIECE 65536 /* bytes read at a time, from the stack */

/* Bytes of a package's text, and of one complaint in it. Higher: a file that only claims to be a package takes
 * more memory. Lower: of a very large network it is not known for which images it was compiled until it refuses
 * one. */
#define TEXT_MAX      (32 << 20)
#define COMPLAINT_MAX 200

/* What entries were seen; all archives of torch put everything under one folder of any name. */
typedef struct contents {
    bool code, constants; /* TorchScript has both */
    bool compiled;        /* AOTInductor's machine code */
    bool exported;        /* a program of torch.export */
    bool pickle;          /* what torch.save writes */
} contents;

/* The first bytes say whether it is an archive at all. */
static bt_status check_start(const char *path, bool package, bt_error *error) {
    char start[4] = {0};
    bt_onnx_facts onnx;
    bt_error ignored;
    bt_status status = bt_file_check_regular(path, error);
    if (status != BT_OK) return status;
    FILE *file = fopen(path, "rbe");
    if (!file) return bt_fail(error, BT_IO, "%.150s: cannot be read: %s", path, bt_text_system_error(errno));
    const size_t got = fread(start, 1, sizeof start, file);
    const bool failed = ferror(file);
    fclose(file);
    if (failed) return bt_fail(error, BT_IO, "%.150s: cannot be read", path);
    if (got == sizeof start && memcmp(start, "PK\3\4", 4) == 0) return BT_OK;
    if (bt_onnx_file_read(&onnx, path, &ignored) == BT_OK)
        return bt_fail(error, BT_PARSE, "%.150s: an ONNX network: its name must end in .onnx", path);
    return bt_fail(error, BT_PARSE, "%.150s: is no %s: not even an archive", path,
                   package ? "AOTInductor package" : "TorchScript file");
}

#ifdef BT_WITHOUT_FILE_LIBRARIES

bt_status bt_model_archive_check(const char *path, bool package, bt_error *error) {
    return check_start(path, package, error);
}

bt_status bt_model_archive_input(const char *path, int *height, int *width, bt_error *error) {
    (void)path, (void)error;
    *height = *width = 0;
    return BT_OK;
}

#else

static void note(contents *seen, const char *name) {
    const char *slash = strchr(name, '/'), *inner = slash ? slash + 1 : name;
    seen->code |= strncmp(inner, "code/", 5) == 0;
    seen->constants |= strcmp(inner, "constants.pkl") == 0;
    seen->pickle |= strcmp(inner, "data.pkl") == 0;
    seen->compiled |= strncmp(inner, "data/aotinductor/", 17) == 0 && bt_text_ends_with(inner, ".so");
    seen->exported |= strncmp(inner, "models/", 7) == 0;
}

/* Reads an entry to its end, where libzip compares the checksum. libtorch compares none, and machine code
 * with a wrong bit in it ends the process or, worse, does not. */
static bool is_whole(zip_t *zip, zip_uint64_t index) {
    char piece[PIECE];
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    zip_int64_t got = file ? 1 : -1;
    while (got > 0)
        got = zip_fread(file, piece, sizeof piece);
    if (file) zip_fclose(file);
    return got == 0;
}

static bt_status read_contents(contents *seen, const char *path, bt_error *error) {
    int why = 0;
    bt_status status = BT_OK;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &why);
    if (!zip) return bt_fail(error, BT_PARSE, "%.150s: an archive that is broken or cut short", path);
    const zip_int64_t entries = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < entries && status == BT_OK; i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);
        if (name) note(seen, name);
        if (!is_whole(zip, (zip_uint64_t)i))
            status =
                bt_fail(error, BT_PARSE, "%.100s: damaged: %.80s cannot be read, or has another checksum",
                        path, name ? name : "an entry");
    }
    zip_discard(zip);
    return status;
}

bt_status bt_model_archive_check(const char *path, bool package, bt_error *error) {
    contents seen = {0};
    bt_status status = check_start(path, package, error);
    if (status == BT_OK) status = read_contents(&seen, path, error);
    if (status != BT_OK) return status;
    const bool script = seen.code && seen.constants;
    if (package ? seen.compiled : script) return BT_OK;
    if (seen.compiled)
        return bt_fail(error, BT_PARSE, "%.150s: an AOTInductor package: its name must end in .pt2", path);
    if (script)
        return bt_fail(error, BT_PARSE, "%.150s: a TorchScript file: its name must not end in .pt2", path);
    if (seen.exported)
        return bt_fail(error, BT_PARSE,
                       "%.130s: an exported program that is not compiled; make a package of it with "
                       "torch._inductor.aoti_compile_and_package",
                       path);
    if (seen.pickle)
        return bt_fail(error, BT_PARSE,
                       "%.130s: weights without a program (torch.save); export the network with torch.jit, "
                       "or give the weights of a built-in network as --weights",
                       path);
    return bt_fail(error, BT_PARSE, "%.150s: an archive, but neither TorchScript nor an AOTInductor package",
                   path);
}

/* ---- what a package says of its images ---- */

/* What the program's text expects of one dimension of its first input: its own complaint about another. 0
 * where it has none: the dimension may be any. */
static int expected_at(const char *text, int dimension) {
    static const char expected[] = "expected: ";
    char complaint[64];
    snprintf(complaint, sizeof complaint, "input_handles[0]: unmatched dim value at %d,", dimension);
    const char *at = strstr(text, complaint);
    const char *number = at ? strstr(at, expected) : NULL;
    if (!number || number - at > COMPLAINT_MAX) return 0;
    const long value = strtol(number + sizeof expected - 1, NULL, 10);
    return value > 0 && value <= BT_IMAGE_SIDE_MAX ? (int)value : 0;
}

/* An entry's text, ended by a zero, into *out (the caller's); NULL where it is damaged or too long to be
 * one. */
static bt_status read_text(char **out, zip_t *zip, zip_uint64_t index, bt_error *error) {
    zip_stat_t about;
    *out = NULL;
    if (zip_stat_index(zip, index, 0, &about) != 0 || about.size > TEXT_MAX) return BT_OK;
    char *text = malloc((size_t)about.size + 1);
    if (!text) return bt_no_memory(error, "a package's text");
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    const zip_int64_t got = file ? zip_fread(file, text, about.size) : -1;
    if (file) zip_fclose(file);
    if (got == (zip_int64_t)about.size) {
        text[got] = '\0';
        *out = text;
    } else {
        free(text);
    }
    return BT_OK;
}

bt_status bt_model_archive_input(const char *path, int *height, int *width, bt_error *error) {
    int why = 0;
    bt_status status = BT_OK;
    bt_error ignored; /* what is no file says nothing of its images, but opening it might wait for ever */
    *height = *width = 0;
    zip_t *zip = bt_file_check_regular(path, &ignored) == BT_OK ? zip_open(path, ZIP_RDONLY, &why) : NULL;
    const zip_int64_t entries = zip ? zip_get_num_entries(zip, 0) : 0;
    for (zip_int64_t i = 0; i < entries && *height == 0 && status == BT_OK; i++) {
        char *text;
        const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);
        if (!name || !strstr(name, "/data/aotinductor/") || !bt_text_ends_with(name, ".cpp")) continue;
        status = read_text(&text, zip, (zip_uint64_t)i, error);
        if (!text) continue;
        const int h = expected_at(text, 2), w = expected_at(text, 3);
        if (h > 0 && w > 0) *height = h, *width = w;
        free(text);
    }
    if (zip) zip_discard(zip);
    return status;
}

#endif
