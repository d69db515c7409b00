# Lint is only worth what it catches: one violation of each kind is planted in a small copy, and must be reported.
. tests/lib/tap.sh
plan 48

copy=$scratch/copy
mkdir "$copy"
cp -r --parents .clang-format src/batchtune.h src/batchtune-polygons.h src/base/error.h src/base/error.c src/layers.txt tools/setup tools/lint tests/lib/tap.sh tests/run "$copy"
mkdir -p "$copy/shim" "$copy/.ci" "$copy/tests/commands"
printf '#!/usr/bin/env bash\ntrue\n' >"$copy/.ci/run"

# A library of two objects, one of which shows a name without the prefix.
printf 'int bt_good(void);\nint bt_good(void) {\n    return 1;\n}\n' >"$scratch/good.c"
printf 'int leaked_name(void);\nint leaked_name(void) {\n    return 1;\n}\n' >"$copy/src/base/leaky.c"
gcc -c -o "$scratch/good.o" "$scratch/good.c"
gcc -c -o "$scratch/leaky.o" "$copy/src/base/leaky.c"
ar rcs "$scratch/libgood.a" "$scratch/good.o"
ar rcs "$scratch/libleaky.a" "$scratch/good.o" "$scratch/leaky.o"

lint() { run env LIBRARY="$1" "$copy/tools/lint/lint.sh"; }

# plant FILE TEXT PATTERN NAME: writes FILE; once all are planted, a line that starts with it must match PATTERN.
planted=()
plant() {
    mkdir -p "$(dirname "$copy/$1")"
    printf "$2" >"$copy/$1"
    planted+=("^$1:[0-9]+: .*$3" "$4")
}

# What prints no fraction may call printf, and what is only spoken of is not called.
cat >"$copy/src/base/plain.c" <<'C'
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
/* strtod( and "%f" in a comment, and in text below */
int bt_plain(char *out, int64_t n) {
    fputs("set format x '%g', as strtod() reads it", stdout);
    return snprintf(out, 80, "%d %% full, %" PRId64 " free, %5.3s, %x", 1, n, "abc", 2u);
}
C

lint "$scratch/absent.a"
says 'is not built' 'a library that is not there is said to be missing'
mv "$copy/src/base/leaky.c" "$scratch/leaky.c"
lint "$scratch/libgood.a"
exits 0 'a project without a fault is good'
printf '#define ROWS(R) \\\n    R(a);\\\n    R(b);\\\n    R(c);\\\n    R(d);\\\n    R(e)\n' >"$scratch/rows"
{ echo '/* A table of rows, over five lines. */'; cat "$scratch/rows"; } >"$copy/src/base/rows.h"
{ echo '/* Over 400 lines: a table. */'; printf 'extern int bt_x%d;\n' {1..401}; } >"$copy/src/base/table.h"
formatter=$(command -v clang-format-14 || command -v clang-format || echo true)
(cd "$copy" && "$formatter" -i src/base/rows.h src/base/table.h)
lint "$scratch/libgood.a"
exits 0 'a long table that says why is good'
mv "$scratch/leaky.c" "$copy/src/base/leaky.c"

word=TO; word=${word}DO
place=/ho; place=${place}me/somebody
plant src/base/upwards.c '#include "record/sweep-record.h"\n' 'may include only what stands before it' 'an include from a lower layer'
plant src/report/measures.c '#include "networks/network.h"\n' 'what stands before image only' 'a report that measures'
plant src/tune/bare.c '#include "record.h"\n' 'write it from src/' 'an include without its layer'
plant src/extra/extra.c 'static int x;\n' 'is no layer' 'a folder that is no layer'
plant src/tune/shim.c '#include "../../shim/torch_shim.h"\n' 'only src/backend/torch.c' 'the shim known elsewhere'
plant tools/shim.c '#include "shim/torch_shim.h"\n' 'only src/backend/torch.c' 'the shim known to a program'
plant src/kernels/torch.c '#include <torch/script.h>\n' 'includes libtorch' 'libtorch in the core'
plant src/base/vector.c '#include <vector>\n' 'includes a C\+\+ header' 'a C++ header in the core'
plant src/base/plus.cpp 'int x;\n' 'is C\+\+' 'a C++ file in the core'
plant src/base/leans.h 'size_t bt_x(void);\n' 'does not compile alone as C17' 'a header that leans on others'
plant shim/class.h '#ifdef __cplusplus\nextern "C"\n#endif\nint bt_x(int class);\n' 'does not compile alone as C\+\+17' 'a header that C++ cannot read'
plant tests/commands/broken.sh 'if true; then\n' "is not valid for 'bash -n'" 'a script with a syntax error'
plant tools/later.c "/* $word: later */\n" "says $word" 'work put off'
plant src/base/place.c "static const char *x = \"$place/x\";\n" 'path of one machine' 'a path of one machine'
plant shim/place.cpp "// read from $place/data\n" 'path of one machine' 'a path of one machine in a comment'

plant src/base/comma.c 'int x = snprintf(out, 9, "%%s is "\n"%%-8.*f", y);\n' 'prints a number.*use bt_text_format' 'a fraction printed by the locale'
plant src/base/comma-row.c 'int x = fprintf(f(1), "%%" PRId64 " %%g", n, y);\n' 'prints a number' 'a fraction behind a whole number'
plant tools/comma.c 'int x = printf(z ? ")" : "(%%.3e", y);\n' 'prints a number' 'a fraction that a program prints'
plant src/base/thousands.c "int x = printf(\"%%'d\", y);\\n" 'prints a number' 'thousands marked as the locale does'
plant src/base/comma-list.c 'int x = vsnprintf(out, 9, format, list);\n' 'prints any format.*use bt_text_format_list' 'any format printed by the locale'
plant src/base/comma-macro.c '#define WORDS \\\n    "%%.1f ms"\n' 'may print a number' 'a fraction in a macro'
plant src/base/comma-read.c 'double x = strtod(text, &end);\n' 'reads a number.*use bt_text_read_number' 'a fraction read by the locale'
plant src/base/comma-scan.c 'int x = sscanf(text, "%%d %%lf", &n, &y);\n' 'reads a number' 'a fraction scanned by the locale'
plant src/base/capital.c 'int x = strcasecmp(a, b);\n' 'compares.*ends in _l' 'letters compared by the locale'
plant src/base/words.c 'const char *x = strerror(2);\n' 'use bt_text_system_error' 'an error told in the language of the locale'
plant src/record/json.c 'json_t *x = json_loads(text, 0, &at);\n' 'use bt_json_parse' 'JSON read by the locale'
plant shim/comma.cpp 'std::ostringstream x;\n' 'reads or prints by' 'a stream of the shim'

# Shape: sizes, macros, comments, idioms.
lines() { for ((n = 0; n < $1; n++)); do printf '%s\\n' "$2"; done; }
plant src/tune/long.c "$(lines 401 'int x;')" 'has over 400 lines' 'a file of over 400 lines'
plant src/tune/many.c "$(lines 13 '#include "base/error.h"')" 'includes 13 files of the project' 'a file with over 12 includes'
plant src/base/macro.c '#define X(a) \\\n    a; \\\n    a; \\\n    a; \\\n    a; \\\n    a\n' 'a macro over five lines' 'a macro of six lines'
plant src/base/orphan.c '/* A comment\n * of two lines.\n */\nint x;\n' 'ends on a line of its own' 'a comment whose end stands alone'
plant src/base/split.c 'struct x {\n    const char\n        *name; /* what it is called */\n};\n' 'put its comment above it' 'a declaration split for its comment'
plant src/base/truth.c 'int x(int status) {\n    if (!status) return 1;\n}\n' 'compare it with BT_OK' 'a status asked for truth'
plant src/base/short.c 'return bt_fail(error, BT_NO_MEMORY, "out of memory for x");\n' 'use bt_no_memory' 'memory told of in other words'
old=set; old=${old}tle
plant src/base/old.c "static int ${old}_model(void);\\n" 'says .*; say what is done' 'a name that puzzled readers'

# Pages.
plant docs/links.md '[there](absent.md)\n' 'links to absent.md, which is not there' 'a link that leads nowhere'
plant docs/heading.md '# A page\n[there](#another)\n[here](#a-page)\n' 'no such heading' 'a link to a heading that is not there'
plant docs/wide.md "$(lines 1 "$(printf 'x%.0s' {1..121})")" 'has 121 columns' 'a line of 121 columns'
plant CHANGELOG.md "$(lines 1 "$(printf 'x%.0s' {1..121})")" 'has 121 columns' 'such a line of the list of changes'
plant docs/layers.md '<!-- make docs: layer-names -->\n\n> base\n\n<!-- end -->\n' 'run make docs' 'a list of layers that is not that of the code'
plant README.md "$(lines 181 'A line.')" 'has over 180 lines' 'a README of 181 lines'

if command -v clang-format-14 >/dev/null || clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    plant src/base/layout.c 'int   x ;\n' 'run make format' 'a file that is not laid out'
else
    skip 'no clang-format 14'
fi

lint "$scratch/libleaky.a"
exits 1 'a violation makes lint fail'
unlike "$out" '^docs/heading.md:3' 'a link to a heading that is there is none'
says '^src/base/leaky\.c:1: global symbol leaked_name lacks the prefix; call it bt_leaked_name' 'a name without bt_'
for ((i = 0; i < ${#planted[@]}; i += 2)); do says "${planted[i]}" "${planted[i + 1]}"; done
