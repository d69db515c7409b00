/* How the option tables of this folder are written, and the rows that several of them have.
 *
 * A row names the member that holds its value, and is called like it. What is the same in every table is said
 * here, once; a table adds its group, and what is its own: a default, or a help text for what the option
 * means to that command. */
#ifndef BT_SETTINGS_ROWS_H
#define BT_SETTINGS_ROWS_H

#include <stddef.h>

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The option called `member`, whose value is that member of `structure`; a duration's member ends in _ns. */
#define BT_ROW(type_, structure, member)                                                                     \
    .name = #member, .type = BT_OPTION_##type_, .offset = offsetof(structure, member)
#define BT_ROW_DURATION(structure, member)                                                                   \
    .name = #member, .type = BT_OPTION_DURATION, .offset = offsetof(structure, member##_ns)

#define BT_BOUNDS(low, high) .minimum = (low), .maximum = (high)
#define BT_ABOVE(low, high)  BT_BOUNDS(low, high), .above_minimum = true

/* ---- the promise and the service ---- */

#define BT_ROW_P95_SLA(structure)                                                                            \
    BT_ROW(NUMBER, structure, p95_sla_ms), BT_ABOVE(0, 3.6e6), .placeholder = "MS"
#define BT_ROW_QUEUE_DELAY(structure)                                                                        \
    BT_ROW(NUMBER, structure, max_queue_delay_ms), BT_BOUNDS(0, 60000), .placeholder = "MS"
#define BT_ROW_QUEUE_SIZE(structure)                                                                         \
    BT_ROW(INTEGER, structure, max_queue_size), BT_BOUNDS(1, 1000000), .placeholder = "N"
/* In the order of bt_batcher_policy (batching/batcher.h). */
#define BT_ROW_POLICY(structure) BT_ROW(CHOICE, structure, policy), .choices = "delay|adaptive"
#define BT_ROW_THREADS(structure)                                                                            \
    BT_ROW(INTEGER, structure, threads), .initial = "0", BT_BOUNDS(0, 1024), .placeholder = "N"

/* A number that JSON holds exactly wherever it is read. */
#define BT_ROW_SEED(structure)                                                                               \
    BT_ROW(INTEGER, structure, seed), .initial = "1", BT_BOUNDS(0, 9007199254740991.0), .placeholder = "N"

/* `low`: 0 where that stands for something else than a size. The highest is what a network takes
 * (networks/network.h). */
#define BT_ROW_IMAGE_SIZE(structure, low)                                                                    \
    BT_ROW(INTEGER, structure, image_size), BT_BOUNDS(low, 16384), .placeholder = "PIXELS"

/* ---- pictures: they become a bt_picture_wishes ---- */

#define BT_WHITE_HELP                                                                                        \
    "The value that is white in the pictures' files, 4095 for a camera of 12 bits; 0 is black. Unless "      \
    "given: what a file says (ImageJ, OME-XML, MaxSampleValue), else all that its bits hold."
#define BT_PAGE_HELP "Which page of TIFF files, from 1, of those in full resolution; the first unless given."
#define BT_ROW_WHITE(structure)                                                                              \
    BT_ROW(NUMBER, structure, white), BT_BOUNDS(1, 65535), .placeholder = "VALUE", .help = BT_WHITE_HELP
#define BT_ROW_PAGE(structure)                                                                               \
    BT_ROW(INTEGER, structure, page), BT_BOUNDS(1, 65536), .placeholder = "N", .help = BT_PAGE_HELP

/* ---- a run ---- */

#define BT_PLOTS_HELP "Where gnuplot scripts, data and pictures go."
#define BT_QUIET_HELP "No progress; only the result and what went wrong."
#define BT_ROW_PLOTS(structure)                                                                              \
    BT_ROW(TEXT, structure, plots), .initial = "plots", .placeholder = "FOLDER", .help = BT_PLOTS_HELP
#define BT_ROW_QUIET(structure) BT_ROW(SWITCH, structure, quiet), .initial = "false", .help = BT_QUIET_HELP

/* What a checkpoint is, within the help of every option that takes one. */
#define BT_WEIGHTS_FILE_HELP                                                                                 \
    "a checkpoint (.safetensors, its .index.json, or what torch.save wrote); FILE:PLACE where it holds "     \
    "several (best.pth:ema; dots nest, and a number counts in a list: best.pth:nets.0)"

/* The networks that there are without a model file: what is tuned and gated unless somebody says
 * otherwise. */
#define BT_BUILT_IN_NETWORKS "hrnet,cbam_resunet"

/* ---- tables that are put together ---- */

typedef struct bt_rows {
    bt_option rows[BT_OPTIONS_MAX];
    size_t count;
} bt_rows;

/* Appends rows as they are: offsets hold where the structure that they were made for is the first member. */
void bt_rows_add(bt_rows *out, const bt_option *rows, size_t count);

/* Appends the row of that name, which must be there, and returns it, to be changed. */
bt_option *bt_rows_take(bt_rows *out, const bt_option *table, size_t count, const char *name);

#ifdef __cplusplus
}
#endif
#endif
