/* JPEG, by libjpeg (libjpeg-turbo's). */
#include "image/decode-formats.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "image/value-scale.h"

/* A block of 8 x 8 pixels takes at least a bit of Huffman's code; arithmetic coding has no such bound. */
#define PIXELS_A_BYTE 512
#define SCANS_MAX     100 /* a progressive file has some ten; each is a pass over the whole picture */
#define EXIF_MARKER   (JPEG_APP0 + 1)

/* libjpeg calls back on errors, and must not return from them. */
typedef struct decoder {
    struct jpeg_decompress_struct jpeg; /* first: callbacks know it alone */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    bool out_of_memory;
    bool ended_early; /* an end mark was made up where the file ended */
    int orientation;
    bool has_rows; /* all of them: what fails now is behind */
} decoder;

static void fail(j_common_ptr jpeg) {
    decoder *d = (decoder *)jpeg;
    d->out_of_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    jpeg->err->format_message(jpeg, d->message);
    longjmp(d->failed, 1);
}

/* Warnings are of damage, after which libjpeg goes on with gray; but for these, which harm no pixel.
 * Where the file ends libjpeg makes up an end mark: whether pixels are missing shows when bits are wanted
 * of them. */
static void warn(j_common_ptr jpeg, int level) {
    decoder *d = (decoder *)jpeg;
    if (level >= 0) return; /* a trace */
    switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
        d->ended_early = true;
        return;
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_NOT_SEQUENTIAL:
        return;
    default:
        fail(jpeg);
    }
}

static void be_silent(j_common_ptr jpeg) {
    (void)jpeg;
}

static void count_scans(j_common_ptr jpeg) {
    decoder *d = (decoder *)jpeg;
    if (d->jpeg.input_scan_number <= SCANS_MAX) return;
    snprintf(d->message, sizeof d->message, "more than %d scans", SCANS_MAX);
    longjmp(d->failed, 1);
}

static void set_up(decoder *d, const uint8_t *bytes, size_t size) {
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = fail;
    d->errors.emit_message = warn;
    d->errors.output_message = be_silent;
    d->progress.progress_monitor = count_scans;
    jpeg_create_decompress(&d->jpeg);
    d->jpeg.progress = &d->progress;
    jpeg_mem_src(&d->jpeg, bytes, (unsigned long)size);
    jpeg_save_markers(&d->jpeg, EXIF_MARKER, 0xffff);
}

static bt_status check_colours(const decoder *d, bt_error *error) {
    switch (d->jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr:
        return BT_OK;
    case JCS_CMYK:
    case JCS_YCCK:
        return bt_fail(error, BT_PARSE, "a JPEG in CMYK; convert it to RGB");
    default:
        return bt_fail(error, BT_PARSE, "a JPEG of %d channels; gray and RGB are read",
                       d->jpeg.num_components);
    }
}

/* Whether each channel was there, and of a progressive picture each bit of every coefficient: where a file
 * ends between two scans no bits are missed, but what further scans would bring is. Nor are they in
 * arithmetic coding, which reads nothing as zeros. */
static bool has_all_scans(const struct jpeg_decompress_struct *jpeg) {
    bool all = !jpeg->arith_code;
    for (int c = 0; c < jpeg->num_components; c++) {
        all = all && jpeg->comp_info[c].quant_table; /* set when its first scan begins */
        for (int i = 0; i < DCTSIZE2 && jpeg->progressive_mode && jpeg->coef_bits; i++)
            all = all && jpeg->coef_bits[c][i] == 0;
    }
    return all;
}

static int orientation_of(const decoder *d) {
    static const char begins[6] = "Exif\0";
    for (jpeg_saved_marker_ptr m = d->jpeg.marker_list; m; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length > sizeof begins &&
            memcmp(m->data, begins, sizeof begins) == 0)
            return bt_exif_orientation(m->data + sizeof begins, m->data_length - sizeof begins);
    return 1;
}

/* libjpeg may jump out of this function: whatever it takes lives in `d` and `out`. */
static bt_status decode(decoder *d, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                        bt_picture *out, bt_error *error) {
    set_up(d, bytes, size);
    jpeg_read_header(&d->jpeg, TRUE);
    d->orientation = orientation_of(d);
    bt_status status = check_colours(d, error);
    uint64_t height = d->jpeg.image_height, width = d->jpeg.image_width;
    const bt_picture_head head = {
        .height = height,
        .width = width,
        .fewest_bytes = d->jpeg.arith_code ? 0 : height * width / PIXELS_A_BYTE,
        /* the picture, the same turned, and coefficients of two bytes where scans are put together */
        .pixel_bytes = jpeg_has_multiple_scans(&d->jpeg) ? 3 + 3 + 6 : 3 + 3,
    };
    if (status == BT_OK) status = bt_picture_take(out, &head, size, wishes, error);
    if (status != BT_OK) return status;
    d->jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&d->jpeg);
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        JSAMPROW row = out->rgb + (size_t)d->jpeg.output_scanline * 3 * (size_t)out->width;
        jpeg_read_scanlines(&d->jpeg, &row, 1);
    }
    if (d->ended_early && !has_all_scans(&d->jpeg))
        return bt_fail(error, BT_PARSE, "a damaged JPEG: it ends before its last row");
    d->has_rows = true;
    jpeg_finish_decompress(&d->jpeg); /* reads on to the end mark */
    return BT_OK;
}

/* What is changed between setjmp and longjmp is the caller's, not this function's: so C keeps it. */
static bt_status decode_or_fail(decoder *d, const uint8_t *bytes, size_t size,
                                const bt_picture_wishes *wishes, bt_picture *out, bt_error *error) {
    if (setjmp(d->failed) == 0) return decode(d, bytes, size, wishes, out, error);
    if (d->out_of_memory) return bt_no_memory(error, "decoding a JPEG");
    if (!d->has_rows) return bt_fail(error, BT_PARSE, "a damaged JPEG: %s", d->message);
    bt_picture_note(out, "it is damaged behind its pixels (%s), but all its rows are there", d->message);
    return BT_OK;
}

static bt_status show(const decoder *d, const bt_value_scale *scale, bt_picture *out, bt_error *error) {
    const bt_values values = {.values = out->rgb, .bits = 8, .colours = 3, .stride = 3};
    if (d->ended_early && out->note_count == 0)
        bt_picture_note(out, "the file ends too early, without its end mark, but all its rows are there");
    bt_status status = bt_values_show(&values, scale, out, error);
    return status == BT_OK ? bt_picture_orient(out, d->orientation, error) : status;
}

bt_status bt_decode_jpeg(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                         bt_error *error) {
    decoder d = {0};
    bt_value_scale scale;
    bt_status status = bt_picture_only_page(wishes, error);
    if (status == BT_OK) status = bt_value_scale_of(&scale, 8, wishes, error);
    if (status != BT_OK) return status;
    status = decode_or_fail(&d, bytes, size, wishes, out, error);
    if (status == BT_OK) status = show(&d, &scale, out, error);
    jpeg_destroy_decompress(&d.jpeg);
    return status;
}

#endif
