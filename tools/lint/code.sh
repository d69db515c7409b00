# What lint asks of C and of scripts beyond layout: who includes whom, headers that stand alone, names, and shape.
# Sourced by lint.sh.

# The list that docs/architecture.md and CONTRIBUTING.md show too.
layers=$(sed -n -E '/^#/!s/^([a-z]+) .*/\1/p' src/layers.txt | tr '\n' ' ')
layers=${layers% }

# The shim's headers that plain C may know, each with the one file that does.
boundaries='torch_shim.h=src/backend/torch.c cuda/probe.h=src/backend/cuda-check.c cuda/norm.h=src/backend/cuda-check.c
    contours.h=src/image/contours.c mpi/mpi_shim.h=src/ranks/ranks.c'

check_layers() {
    local files=(src/*/*.[ch] tools/*.[ch])
    [ ${#files[@]} = 0 ] || awk -v layers="$layers" -v boundaries="$boundaries" '
        BEGIN { count = split(layers, list, " "); for (i = 1; i <= count; i++) rank[list[i]] = i
                count = split(boundaries, list, " ")
                for (i = 1; i <= count; i++) { split(list[i], part, "="); knows[part[1]] = part[2] } }
        function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text }
        FNR == 1 { split(FILENAME, part, "/"); mine = part[1] == "src" ? part[2] : "tools"
                   if (mine != "tools" && !(mine in rank)) complain("src/" mine " is no layer; the layers are " layers) }
        /^[ \t]*#[ \t]*include[ \t]*</ {
            name = $0; sub(/^[^<]*</, "", name); sub(/>.*/, "", name)
            if (name ~ /^(torch|ATen|c10|caffe2)\//) complain("includes libtorch (<" name ">); only shim/ may")
            else if (name !~ /\.h$/) complain("includes a C++ header (<" name ">); only shim/ is C++")
        }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            name = $0; sub(/^[^"]*"/, "", name); sub(/".*/, "", name); split(name, part, "/"); theirs = part[1]
            if (name ~ /(^|\/)shim\//) {
                sub(/^(.*\/)?shim\//, "", name)
                if (knows[name] != FILENAME)
                    complain("includes the shim\047s " name "; only " (knows[name] ? knows[name] : "shim/") " may")
            } else if (name == "batchtune.h" || name == "batchtune-polygons.h") { # public types, for everybody
            } else if (!(theirs in rank))
                complain("includes \"" name "\"; write it from src/, as \"layer/file.h\"")
            else if (mine == "report" && theirs != "report" && rank[theirs] > rank["measure"])
                complain("report includes \"" name "\"; it may include what stands before image only")
            else if (mine in rank && rank[theirs] > rank[mine])
                complain(mine " includes \"" name "\"; it may include only what stands before it: " layers)
        }' "${files[@]}"
    local file
    for file in src/*/*.cpp src/*/*.cc src/*/*.cu src/*/*.hpp tools/*.cpp; do
        echo "$file:1: is C++; only shim/ may hold any"
    done
}

# Each header includes what it uses, and is plain enough for C++ to read. Of the shim's, those that speak C.
check_headers() {
    local header
    for header in src/*.h src/*/*.h $(grep -l '__cplusplus' shim/*.h shim/*/*.h /dev/null); do
        compiles_alone "$header" C17 "${CC:-gcc}" -std=c17 -x c
        compiles_alone "$header" C++17 "${CXX:-g++}" -std=c++17 -x c++
    done
}

compiles_alone() {
    local header=$1 language=$2
    shift 2
    echo "#include \"$header\"" | "$@" -D_GNU_SOURCE -Wall -Wextra -Werror -Isrc -Ishim -I. -fsyntax-only - 2>&1 |
        grep -m 1 -E ': (fatal )?error: ' |
        sed -E "s|^([^:]*:[0-9]+):[0-9]+: (fatal )?error: (.*)|\1: does not compile alone as $language (\3); include what it uses|"
}

# Whatever the library lets others see carries the prefix.
check_symbols() {
    if [ ! -e "$library" ]; then
        echo "$library:1: is not built; run make core first"
        return
    fi
    nm -A --defined-only --extern-only "$library" 2>/dev/null | awk '
        $NF !~ /^(_?bt_|__asan_|__odr_asan|__gcov)/ {
            split($1, part, ":"); object = part[2]; sub(/\.o$/, ".c", object)
            print object, $NF }' |
        while read -r object symbol; do
            echo "$(source_of "$object" "$symbol"): global symbol $symbol lacks the prefix; call it bt_$symbol or make it static"
        done
}

# Where a symbol stands: the first mention in a source file of the object's name.
source_of() {
    grep -n -w -m 1 "$2" /dev/null src/*/"$1" 2>/dev/null | head -n 1 | cut -d : -f 1,2 | grep . || echo "$library($1):1"
}

# Another version lays code out otherwise, so only the one that Debian 12 brings is asked.
check_layout() {
    local formatter files=(src/*.h src/*/*.[ch] tools/*.[ch] shim/*.h shim/*.cpp shim/cuda/* tests/*/*.[ch])
    formatter=$(command -v clang-format-14 || command -v clang-format) || {
        echo "tools/lint/code.sh:1: no clang-format here; apt-get install clang-format"
        return
    }
    if ! "$formatter" --version | grep -q 'version 14\.'; then
        echo "lint: layout not checked: $("$formatter" --version) is not version 14" >&2
        return
    fi
    "$formatter" --dry-run -Werror "${files[@]}" 2>&1 |
        sed -n -E "s|^([^:]*:[0-9]+):[0-9]+: error: .*|\1: not laid out by clang-format; run make format|p" | sort -u -t : -k 1,1
}

check_scripts() {
    local file shell message
    for file in tools/setup/* tools/lint/* tests/run tests/commands/*.sh tests/lib/*.sh .ci/run; do
        case $(head -n 1 "$file") in
        '#!'*perl*) shell='perl -c' ;;
        '#!/bin/sh') shell='sh -n' ;;
        '#!'*bash) shell='bash -n' ;;
        *) case $file in *.sh) shell='bash -n' ;; *) continue ;; esac ;;
        esac
        message=$($shell "$file" 2>&1) || echo "$file:$(printf '%s\n' "$message" | sed -n -E 's/.*line ([0-9]+).*/\1/p' |
            head -n 1): is not valid for '$shell': $(printf '%s\n' "$message" | head -n 1 | sed 's/.*line [0-9]*[:.] *//')"
    done
}

# Sizes and idioms that a reader relies on; what they are stands in shape.pl.
check_shape() {
    local files=(src/*.h src/*/*.[ch] src/*/*.inc tools/*.[ch] shim/*.h shim/*.cpp shim/cuda/* tests/*/*.[ch])
    [ ${#files[@]} = 0 ] || perl tools/lint/shape.pl "${files[@]}"
}

check_locale() {
    local files=(src/*/*.[ch] tools/*.[ch] shim/*.h shim/*.cpp shim/cuda/*)
    [ ${#files[@]} = 0 ] || perl -0777 -n tools/lint/locale.pl "${files[@]}"
}
