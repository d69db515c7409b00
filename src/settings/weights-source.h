/* What names the weights of a network: BT_WEIGHTS_DEMO, "counter:SEED", or a checkpoint. That is FILE, or
 * FILE:PLACE, where the file holds a network in several places (its weights and their average, say) and
 * another than the usual one is meant: "best.pth:ema". */
#ifndef BT_SETTINGS_WEIGHTS_SOURCE_H
#define BT_SETTINGS_WEIGHTS_SOURCE_H

#include "base/error.h"
#include "base/files.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The demonstration weights: what a network has unless somebody says otherwise. */
#define BT_WEIGHTS_DEMO "demo"

/* The file of a source, cut at BT_PATH_SIZE, and, as the result, the place: a part of `source`, "" where it
 * names none. A file may have colons in its own name: the whole counts where it is there, then what stands
 * before the last colon that has a file before it. Where there is none, the whole is a file that is not
 * there. */
const char *bt_weights_source_split(char file[BT_PATH_SIZE], const char *source);

#ifdef __cplusplus
}
#endif
#endif
