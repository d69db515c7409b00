#include "report/gnuplot-script.h"

#include "report/layout.h"

#define STRING_SIZE 512 /* of a text in a picture: more has no room on any */

void bt_script_string(FILE *out, const char *text) {
    char clean[STRING_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    fputc('\'', out);
    for (const char *at = clean; *at; at++) {
        if (*at == '\'')
            fputs("’", out);
        else
            fputc(*at, out);
    }
    fputc('\'', out);
}

void bt_script_clause(FILE *out, int *clauses) {
    fputs((*clauses)++ == 0 ? "plot " : ", \\\n     ", out);
}

void bt_script_prologue(FILE *out, const char *stem, const char *data, const char *size) {
    fprintf(out,
            "# gnuplot %s.gnuplot makes the SVG and the PNG anew, beside this script.\n"
            "folder = ''\n"
            "if (exists('ARG0')) {\n"
            "    do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { folder = ARG0[1:i] } }\n"
            "}\n"
            "data = folder . '%s.dat'\n"
            "do for [format in 'svg png'] {\n"
            "if (format eq 'svg') {\n"
            "    set terminal svg size %s font 'sans-serif,12' background rgb 'white' noenhanced\n"
            "} else {\n"
            "    set terminal pngcairo size %s font ',10' background rgb 'white' noenhanced\n"
            "}\n"
            "set output folder . '%s.' . format\n",
            stem, data, size, size, stem);
}
