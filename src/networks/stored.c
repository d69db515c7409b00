#include "networks/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "base/text.h"

#define PIECE (1 << 18) /* bytes read at a time where they are converted */

size_t bt_stored_size(bt_stored_type type) {
    static const size_t sizes[] = {[BT_STORED_F32] = 4,
                                   [BT_STORED_F16] = 2,
                                   [BT_STORED_BF16] = 2,
                                   [BT_STORED_F64] = 8,
                                   [BT_STORED_OTHER] = 0};
    return sizes[type];
}

bool bt_stored_lay_out(bt_stored_tensor *tensor) {
    tensor->count = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        tensor->strides[i] = (int64_t)tensor->count;
        if (tensor->dims[i] < 0 ||
            __builtin_mul_overflow(tensor->count, (uint64_t)tensor->dims[i], &tensor->count) ||
            tensor->count > BT_STORED_MAX)
            return false;
    }
    return true;
}

void bt_stored_make_text(char *bytes) {
    const bool text = bt_text_is_utf8(bytes);
    for (unsigned char *at = (unsigned char *)bytes; *at; at++)
        if (*at < ' ' || *at == 127 || (!text && *at > 127)) *at = '?';
}

bt_status bt_stored_fail(const bt_stored_tensor *tensor, const char *path, const char *what,
                         bt_error *error) {
    char name[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(tensor->name, name);
    return bt_fail(error, BT_PARSE, "%s: tensor %s %s", path, name, what);
}

bool bt_stored_refuse(bt_stored_tensor *tensor, const char *why) {
    if (!tensor->unreadable) tensor->unreadable = strdup(why);
    return tensor->unreadable != NULL;
}

bool bt_stored_refuse_type(bt_stored_tensor *tensor, const char *type) {
    static const char *const whole[] = {"int", "uint", "bool", "I", "U", "BOOL"};
    char why[96];
    bool is_whole = false;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        is_whole |= strncmp(type, whole[i], strlen(whole[i])) == 0;
    if (is_whole)
        snprintf(why, sizeof why, "holds no floating-point numbers, but %.24s", type);
    else
        snprintf(why, sizeof why, "is of type %.24s, which is not read: save it as float32", type);
    return bt_stored_refuse(tensor, why);
}

/* ---- conversion ---- */

static float one(const char *from, bt_stored_type type) {
    uint16_t half;
    uint32_t bits;
    float value;
    double wide;
    switch (type) {
    case BT_STORED_F64:
        memcpy(&wide, from, sizeof wide);
        return (float)wide;
    case BT_STORED_F16:
        memcpy(&half, from, sizeof half);
        return bt_half_value(half);
    case BT_STORED_BF16:
        memcpy(&half, from, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
        return value;
    default:
        memcpy(&value, from, sizeof value);
        return value;
    }
}

/* `count` elements in a row from where the source stands. */
static bool read_row(bt_stored_source source, char *piece, bt_stored_type type, float *out, uint64_t count) {
    const size_t size = bt_stored_size(type);
    if (type == BT_STORED_F32) return source.next(source.from, out, count * size);
    for (uint64_t at = 0, part; at < count; at += part) {
        part = count - at < PIECE / size ? count - at : PIECE / size;
        if (!source.next(source.from, piece, part * size)) return false;
        for (uint64_t i = 0; i < part; i++)
            out[at + i] = one(piece + i * size, type);
    }
    return true;
}

/* ---- shapes ---- */

static bool is_row_major(const bt_stored_tensor *tensor) {
    uint64_t stride = 1; /* may wrap where a tensor is empty */
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->dims[i] != 1 && (uint64_t)tensor->strides[i] != stride) return false;
        stride *= (uint64_t)tensor->dims[i];
    }
    return true;
}

/* Elements from the first that the tensor touches to the last. */
static uint64_t elements_touched(const bt_stored_tensor *tensor) {
    uint64_t span = 1;
    for (int i = 0; i < tensor->rank; i++)
        span += (uint64_t)(tensor->dims[i] - 1) * (uint64_t)tensor->strides[i];
    return tensor->count > 0 ? span : 0;
}

uint64_t bt_stored_span(const bt_stored_tensor *tensor) {
    return elements_touched(tensor) * bt_stored_size(tensor->type);
}

/* Row-major order out of any strides. */
static void gather(const bt_stored_tensor *tensor, const float *span, float *out) {
    int64_t place[BT_STORED_RANK_MAX] = {0};
    uint64_t at = 0;
    for (uint64_t i = 0; i < tensor->count; i++) {
        out[i] = span[at];
        for (int d = tensor->rank - 1; d >= 0; d--) {
            at += (uint64_t)tensor->strides[d];
            if (++place[d] < tensor->dims[d]) break;
            at -= (uint64_t)tensor->strides[d] * (uint64_t)tensor->dims[d];
            place[d] = 0;
        }
    }
}

bt_status bt_stored_read(const bt_stored_tensor *tensor, bt_stored_source source, float *out,
                         const char *path, bt_error *error) {
    const uint64_t span = elements_touched(tensor);
    const bool direct = is_row_major(tensor);
    bt_status status = BT_OK;
    /* few tensors lie apart in their storage, and none far: memory is taken for what is read between */
    if (span / 16 > tensor->count)
        return bt_stored_fail(tensor, path, "has its numbers too far apart", error);
    char *piece = tensor->type == BT_STORED_F32 ? NULL : malloc(PIECE);
    float *values = direct ? out : malloc((span + 1) * sizeof *values);
    if ((!piece && tensor->type != BT_STORED_F32) || !values)
        status = bt_no_memory(error, "reading %s", path);
    else if (!read_row(source, piece, tensor->type, values, span))
        status = bt_stored_fail(tensor, path, "cannot be read to its end: the file is cut short or damaged",
                                error);
    else if (!direct)
        gather(tensor, values, out);
    for (uint64_t i = 0; status == BT_OK && tensor->negated && i < tensor->count; i++)
        out[i] = -out[i];
    free(piece);
    if (!direct) free(values);
    return status;
}

/* ---- files ---- */

bt_status bt_stored_open_file(int *file, uint64_t *bytes, const char *path, const char *shown,
                              bt_error *error) {
    struct stat about;
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe put there meanwhile is not waited for */
    if (*file >= 0 && fstat(*file, &about) == 0) {
        *bytes = (uint64_t)about.st_size;
        return BT_OK;
    }
    const int cause = errno;
    if (*file >= 0) close(*file);
    *file = -1;
    return bt_fail(error, BT_IO, "%s: cannot be read: %s", shown, bt_text_system_error(cause));
}

bt_status bt_stored_read_at(int file, void *out, uint64_t from, uint64_t bytes, const char *path,
                            bt_error *error) {
    char *to = out;
    while (bytes > 0) {
        ssize_t got = pread(file, to, bytes < (1u << 30) ? bytes : 1u << 30, (off_t)from);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return bt_fail(error, BT_IO, "%s: cannot be read: %s", path, bt_text_system_error(errno));
        if (got == 0) return bt_fail(error, BT_IO, "%s: became shorter while it was read", path);
        to += got;
        from += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return BT_OK;
}

typedef struct place {
    int file;
    uint64_t at;
    const char *path;
    bt_status status;
    bt_error *error;
} place;

static bool next_of_file(void *from, void *to, uint64_t bytes) {
    place *p = from;
    p->status = bt_stored_read_at(p->file, to, p->at, bytes, p->path, p->error);
    p->at += bytes;
    return p->status == BT_OK;
}

bt_status bt_stored_read_file(const bt_stored_tensor *tensor, int file, float *out, const char *path,
                              bt_error *error) {
    place p = {.file = file, .at = tensor->first, .path = path, .error = NULL};
    bt_error why = {BT_OK, ""};
    p.error = &why;
    bt_status status = bt_stored_read(tensor, (bt_stored_source){next_of_file, &p}, out, path, error);
    if (p.status == BT_OK) return status;
    if (error) *error = why; /* what the system said, in place of what was made of it */
    return p.status;
}
