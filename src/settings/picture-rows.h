/* The two rows that the table of every command that reads pictures has, behind that of the pictures: so they
 * are called alike and mean the same everywhere. They become a bt_picture_wishes. */
#ifndef BT_SETTINGS_PICTURE_ROWS_H
#define BT_SETTINGS_PICTURE_ROWS_H

#include "base/options.h"

/* Of a struct of type `settings` with members `double white` and `int64_t page`; further arguments (.group,
 * .scope) are put into both. */
#define BT_PICTURE_ROWS(settings, ...)                                                                       \
    {.name = "white",                                                                                        \
     .type = BT_OPTION_NUMBER,                                                                               \
     .offset = offsetof(settings, white),                                                                    \
     .minimum = 1,                                                                                           \
     .maximum = 65535,                                                                                       \
     .placeholder = "VALUE",                                                                                 \
     .help = "The value that is white in the pictures' files, 4095 for a camera of 12 bits; 0 is black. "    \
             "Unless given: what a file says (ImageJ, OME-XML, MaxSampleValue), else all that its bits "     \
             "hold.",                                                                                        \
     __VA_ARGS__},                                                                                           \
    {                                                                                                        \
        .name = "page", .type = BT_OPTION_INTEGER, .offset = offsetof(settings, page), .minimum = 1,         \
        .maximum = 65536, .placeholder = "N",                                                                \
        .help = "Which page of TIFF files, from 1, of those in full resolution; the first unless given.",    \
        __VA_ARGS__                                                                                          \
    }

#endif
