/* The command line of a program that tests run, read by a table of options like those of tools/. */
#ifndef BT_TESTS_PROGRAM_OPTIONS_H
#define BT_TESTS_PROGRAM_OPTIONS_H

#include "base/options.h"

#define PROGRAM_USAGE 2 /* the exit code of a command line that cannot be read */

typedef struct program_options {
    const char *name, *usage; /* "mask-polygons", "--mask FILE [options]" */
    const bt_option *table;
    size_t count;
} program_options;

/* Fills `values`. -1 where the program may go on, else its exit code: after --help, or a message. */
int program_options_read(const program_options *options, int argc, char **argv, void *values);

/* Says that a value cannot be used ("mask-polygons: --height 0: give ..."), and returns PROGRAM_USAGE. */
int program_options_refuse(const program_options *options, const char *flag, const char *value,
                           const char *right);

#endif
