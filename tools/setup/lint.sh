#!/usr/bin/env bash
# Checks what the compiler does not: one line for each violation, "file:line: what; what would be right".
#
#   tools/setup/lint.sh      from anywhere; LIBRARY=build/lib/libbatchtune.a, CC and CXX as in the makefile
#
# Exit status 0 when all is well, 1 with violations. tests/commands/lint.sh plants one of each kind.
set -uo pipefail
export LC_ALL=C # what other programs print is read here: in English, and numbers with a dot
cd "$(dirname "$0")/../.."
shopt -s nullglob
library=${LIBRARY:-build/lib/libbatchtune.a}

# A folder of src/ may include itself and those before it.
layers='base settings record measure image networks kernels plan backend batching simulate serving segment load prove tune gate report'

# The shim's headers that plain C may know, each with the one file that does.
boundaries='torch_shim.h=src/backend/torch.c cuda/probe.h=src/backend/cuda-check.c cuda/norm.h=src/backend/cuda-check.c
    contours.h=src/image/contours.c'

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
            } else if (name == "batchtune.h") { # public types, for everybody
            } else if (!(theirs in rank))
                complain("includes \"" name "\"; write it from src/, as \"layer/file.h\"")
            else if (mine == "report" && theirs != "report" && rank[theirs] > rank["measure"])
                complain("report includes \"" name "\"; it may include base, record and measure only")
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
        echo "tools/setup/lint.sh:1: no clang-format here; apt-get install clang-format"
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
    for file in tools/setup/* tests/run tests/commands/*.sh tests/lib/*.sh .ci/run; do
        case $(head -n 1 "$file") in
        '#!'*perl) shell='perl -c' ;;
        '#!/bin/sh') shell='sh -n' ;;
        '#!'*bash) shell='bash -n' ;;
        *) case $file in *.sh) shell='bash -n' ;; *) continue ;; esac ;;
        esac
        message=$($shell "$file" 2>&1) || echo "$file:$(printf '%s\n' "$message" | sed -n -E 's/.*line ([0-9]+).*/\1/p' |
            head -n 1): is not valid for '$shell': $(printf '%s\n' "$message" | head -n 1 | sed 's/.*line [0-9]*[:.] *//')"
    done
}

# The patterns are put together from pieces, so that this file does not match itself.
check_words() {
    local files=() file
    while IFS= read -r file; do files+=("$file"); done < <(find src shim tools -type f \
        \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.sh' -o -name '*.py' \) 2>/dev/null | sort)
    grep -n -H -o -w -E "TO""DO|FIX""ME|X""XX" "${files[@]}" |
        sed -E 's/^([^:]*:[0-9]+):(.*)/\1: says \2; do it now or file an issue/'
    while IFS= read -r file; do files+=("$file"); done < <(find tests configs plots .ci Makefile ./*.md -type f \
        ! -name '*.json' ! -path 'tests/golden/*' 2>/dev/null | grep -E '\.(c|h|sh|md|gp|py)$|Makefile|/run$' | sort)
    grep -n -H -o -E "(^|[^A-Za-z0-9_.\$}*])/(ho""me|ro""ot|wo""rk|Us""ers|m""nt|t""mp)/[A-Za-z0-9_.-]+" "${files[@]}" |
        grep -v 'X\{6\}' | # a template of mkdtemp
        sed -E 's/^([^:]*:[0-9]+):[^\/]*(.*)/\1: names a path of one machine (\2); make it relative, or an option/'
}

# What goes by the locale of the process that the library serves in is called in base/text.c and base/json.c alone
# (and the shim's status.cpp), which see to it that a number has a dot and a letter its case.
check_locale() {
    local files=(src/*/*.[ch] tools/*.[ch] shim/*.h shim/*.cpp shim/cuda/*)
    [ ${#files[@]} = 0 ] || perl -0777 -ne '
        BEGIN {
            $printing = qr/\b(?:json_sprintf|(?:f|s|sn|d|as)?w?printf|w?printf)\b/;
            $scanning = qr/\b(?:f|s)?w?scanf\b/;
            $fraction = qr/%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d*))?[lL]*[aAeEfFgG]|%[-+ #0]*\x27/;
            @rules = (
                [qr/\b(?:std::)?(?:strto[df]|strtold|atof|wcstod|stod|stof|stold)\s*\(/, "reads a number", "bt_text_read_number"],
                [qr/\bv(?:f|s|sn|d|as)?w?printf\s*\(/, "prints any format", "bt_text_format_list or bt_text_print_list"],
                [qr/\b(?:strerror(?:_r)?|perror)\s*\(/, "tells an error", "bt_text_system_error"],
                [qr/\bdlerror\s*\(/, "tells an error", "bt_text_load_error"],
                [qr/\b(?:is(?:alnum|alpha|blank|cntrl|graph|lower|print|punct|space|upper)|to(?:lower|upper))\s*\(/,
                    "judges a letter", "bt_text_is_alphanumeric, or the form that ends in _l"],
                [qr/\b(?:strn?casecmp|strcasestr|strcoll|strxfrm)\s*\(/, "compares", "the form that ends in _l"],
                [qr/\b(?:alphasort|versionsort)\b/, "sorts", "strcmp"],
                [qr/\b(?:fnmatch|regcomp|glob|wordexp)\s*\(/, "matches", "bt_text_fits"],
                [qr/\bjson_(?:load|dump)\w*\s*\(/, "reads or writes JSON", "bt_json_parse, bt_json_dump or bt_json_write"],
                [qr/\b(?:set|use)locale\s*\(/, "sets it", "the functions of base/text.h"],
                [qr/\b(?:[io]?stringstream|std::format|std::regex|imbue)\b/, "reads or prints", "std::to_string of whole numbers"]);
        }
        my $code = $_;
        my $blank = sub { my $text = shift; $text =~ tr/\n/ /c; $text };
        my $string = qr/"(?:[^"\\]|\\.)*"/s;
        $code =~ s{($string|\x27(?:[^\x27\\\n]|\\.)\x27)|(/\*.*?\*/|//[^\n]*)}{defined $1 ? $1 : $blank->($2)}gse;
        my $complain = sub {
            my ($at, $does, $right) = @_;
            printf "%s:%d: %s by the host\x27s locale; use %s\n", $ARGV, 1 + (substr($code, 0, $at) =~ tr/\n//), $does, $right;
        };
        my $home = $ARGV =~ m{^(?:src/base/(?:text|json)\.c|shim/status\.cpp)$};
        my ($balanced, %told);
        $balanced = qr/\((?:[^()"\x27]|$string|\x27(?:[^\x27\\]|\\.)*\x27|(??{$balanced}))*\)/;
        my $bare = $code =~ s/$string/$blank->($&)/gser;
        for my $rule ($home ? () : @rules) {
            $complain->($-[0], $rule->[1], $rule->[2]) while $bare =~ /$rule->[0]/g;
        }
        while ($code =~ /($printing|$scanning)\s*($balanced)/g) {
            my ($at, $name, $call) = ($-[0], $1, $2);
            my $format = join "", map { s/%%//gr } $call =~ s/\b(?:PRI|SCN)\w+/"d"/gr =~ /$string/g;
            next unless $format =~ $fraction;
            $name =~ /scanf/ ? $complain->($at, "reads a number", "bt_text_read_number")
                             : $complain->($at, "prints a number", "bt_text_format or bt_text_print");
        }
        while ($code =~ /^[ \t]*#[ \t]*define\b(?:[^\n\\]|\\.)*/gms) {
            my ($at, $macro) = ($-[0], $&);
            next if $macro =~ /\bbt_/ || join("", map { s/%%//gr } $macro =~ /$string/g) !~ $fraction;
            $complain->($at, "may print a number", "the format where it is printed");
        }' "${files[@]}"
}

all_checks() {
    check_layers
    check_headers
    check_symbols
    check_layout
    check_scripts
    check_words
    check_locale
}

violations=$(all_checks)
if [ -n "$violations" ]; then
    printf '%s\n' "$violations"
    echo "lint: $(printf '%s\n' "$violations" | wc -l) violations"
    exit 1
fi
echo "lint: good"
