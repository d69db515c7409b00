/* The classes' names and colours in a corner of a drawing. Internal to image/. */
#ifndef BT_IMAGE_LEGEND_H
#define BT_IMAGE_LEGEND_H

#include "batchtune.h"
#include "image/canvas.h"

/* Names the classes of which there are regions, in the corner where the fewest pixels of regions lie beneath; what has
 * no room is counted in the last line, and where even that has none nothing is drawn. `dot` is a letter's dot. */
void bt_legend_draw(bt_canvas *canvas, const bt_polygons *polygons, const bt_class *classes, int dot);

#endif
