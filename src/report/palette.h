/* The colours and marks of every picture and page: one word has one colour and one mark everywhere.
 *
 * Somebody who has learned from one picture what blue means need not learn it again for the next. The colours
 * are Okabe and Ito's (Color Universal Design, 2008), told apart by the colour-blind; since a print in grey
 * loses them all the same, every verdict has a shape of its own too. Filled is what is shown, hollow what is
 * not. */
#ifndef BT_REPORT_PALETTE_H
#define BT_REPORT_PALETTE_H

#define BT_COLOUR_MET       "#0072B2" /* met, admissible: shown to hold */
#define BT_COLOUR_BROKEN    "#D55E00" /* broken, over the SLA, without a result: shown not to */
#define BT_COLOUR_NOT_SHOWN "#B87A00" /* not shown, undecided, not confirmed, provisional */
#define BT_COLOUR_PREDICTED "#009E73"
#define BT_COLOUR_MEMORY    "#CC79A7" /* does not fit */
#define BT_COLOUR_LIMIT     "#D55E00" /* the line that must not be crossed; dashed */
#define BT_COLOUR_INK       "#000000"
#define BT_COLOUR_DARK      "#404040"
#define BT_COLOUR_GREY      "#9A9A9A" /* what only leads the eye */
#define BT_COLOUR_GRID      "#E4E4E4"

/* Percentiles, the palest first. */
#define BT_COLOUR_P50 "#56B4E9"
#define BT_COLOUR_P95 "#0072B2"
#define BT_COLOUR_P99 "#CC79A7"
#define BT_COLOUR_MAX "#404040"

/* Where a request's time goes. */
#define BT_COLOUR_LATE       "#9A9A9A"
#define BT_COLOUR_QUEUE      "#CC79A7"
#define BT_COLOUR_PREPROCESS "#009E73"
#define BT_COLOUR_COMPUTE    "#0072B2"

/* The same verdicts in a page: text on its ground, darker and paler than a mark so that it can be read. */
#define BT_PAGE_COLOURS                                                                                      \
    "--good:#00507d;--goodback:#e0eff8;--bad:#9c2f00;--badback:#fdebe3;--unsure:#7a5200;--unsureback:#"      \
    "fdf3dc"
#define BT_PAGE_COLOURS_DARK                                                                                 \
    "--good:#7cc4ee;--goodback:#0f2636;--bad:#ff9e73;--badback:#331a10;--unsure:#f0c05a;--unsureback:#"      \
    "2e240c"

/* And in text. */
#define BT_SIGN_MET       "✓"
#define BT_SIGN_BROKEN    "✗"
#define BT_SIGN_NOT_SHOWN "?"

/* gnuplot's point types. */
#define BT_MARK_MET       "7"  /* a disc */
#define BT_MARK_BROKEN    "9"  /* a filled triangle */
#define BT_MARK_NOT_SHOWN "6"  /* a ring */
#define BT_MARK_UNDECIDED "12" /* a hollow diamond */
#define BT_MARK_PREDICTED "2"  /* a cross */

/* A bound that is not known: an arrow with an open head, towards where it may lie. */
#define BT_OPEN_ARROW "head size graph 0.016,25 nofilled"

/* What every plot starts with: axes without a box, light lines across. */
#define BT_OPEN_AXES                                                                                         \
    "set encoding utf8\nset border 3\nset tics nomirror out\n"                                               \
    "set grid ytics linecolor rgb '" BT_COLOUR_GRID "' linetype 1\n"                                         \
    "set style textbox opaque noborder margins 0.4,0.2\n"
/* The legend: below, in the middle, in rows. */
#define BT_KEY_BELOW                                                                                         \
    "set key at screen 0.5, screen 0.02 center bottom horizontal Left reverse samplen 2 width 1 maxcols 3\n"

#endif
