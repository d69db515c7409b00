/* gnuplot's language: what the scripts of a tuning run and of a load test are written with.
 *
 * All text that comes from outside goes through bt_script_string. Nothing here knows what is drawn. */
#ifndef BT_REPORT_GNUPLOT_SCRIPT_H
#define BT_REPORT_GNUPLOT_SCRIPT_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A line (the SLA, the memory's limit) that lies more than so many times as far from 0 as the data is named
 * beside the plot instead of drawn in it. Higher: a distant line is still drawn, and squeezes the data into a
 * strip at the axis. Lower: a line that would show how much room there is left is missing. */
#define BT_FARTHEST_LINE 2.5

/* A string of any text: in single quotes, where nothing but the quote itself means anything. A quote in the
 * text becomes a typographic one, since gnuplot takes the doubled quote that stands first in a string for an
 * empty string, and what follows for commands. */
void bt_script_string(FILE *out, const char *text);

/* Starts the plot command, or its next clause; the caller prints the clause itself. `clauses` counts those of
 * this command: 0 at first. */
void bt_script_clause(FILE *out, int *clauses);

/* What every script starts with: for each of SVG and PNG in turn, its data (`data`.dat, in the variable
 * `data`) and its picture (`stem`.<format>) lie beside it, wherever it is run from. `size` is the picture's,
 * in pixels: "800,520". Ends within a block that the script must close. */
void bt_script_prologue(FILE *out, const char *stem, const char *data, const char *size);

#ifdef __cplusplus
}
#endif
#endif
