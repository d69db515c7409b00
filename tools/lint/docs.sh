#!/usr/bin/env bash
# Makes the parts of the pages that the code knows best: `make docs`. Such a part stands between the lines
#
#     <!-- make docs: WHAT -->        <!-- end -->
#
# WHAT is layers (a table), layer-names (a line), or programs (what each program's --help=markdown says).
#
#   tools/lint/docs.sh            writes the pages; BIN=build/bin
#   tools/lint/docs.sh --check    writes nothing; a line for each page that differs, as lint does
set -uo pipefail
export LC_ALL=C COLUMNS=100
cd "$(dirname "$0")/../.."
shopt -s nullglob
bin=${BIN:-build/bin}
programs='optimize-batch test-production serve-production show-batch-config explain-batching segment-image render-report perf-gate canary'

part_layers() {
    echo '| folder of `src/` | what lives there |'
    echo '| --- | --- |'
    sed -n -E '/^#/!s/^([a-z]+) +(.*)/| `\1` | \2 |/p' src/layers.txt
}

part_layer-names() {
    sed -n -E '/^#/!s/^([a-z]+) .*/\1/p' src/layers.txt | paste -s -d ' ' | sed 's/ /, /g' | fold -s -w 116 | sed -E 's/ +$//; s/^/> /'
}

# A program of several commands has a section for each.
part_programs() {
    local program word words
    for program in $programs; do
        words=$("$bin/$program" --help 2>&1 | sed -n '/^Commands:$/,/^$/s/^  \([a-z-]*\) .*/\1/p')
        for word in ${words:-''}; do
            [ "$program" = "${programs%% *}" ] && [ "$word" = "${words%% *}" ] || echo
            "$bin/$program" $word --help=markdown 2>/dev/null || return 1
        done
    done
}

# page_of FILE: the page as it should be.
page_of() {
    local line inside= what
    while IFS= read -r line || [ -n "$line" ]; do
        if [ "$line" = '<!-- end -->' ]; then inside=; fi
        [ -n "$inside" ] || printf '%s\n' "$line"
        case $line in '<!-- make docs: '*' -->')
            what=${line#'<!-- make docs: '} what=${what%' -->'} inside=1
            printf '\n'
            "part_$what" || return 1
            printf '\n'
            ;;
        esac
    done <"$1"
}

check=${1:-}
for page in README.md CONTRIBUTING.md docs/*.md; do
    grep -q '^<!-- make docs: ' "$page" 2>/dev/null || continue
    if grep -q '^<!-- make docs: programs' "$page" && [ ! -x "$bin/optimize-batch" ]; then
        echo "$page:1: cannot be made without $bin/optimize-batch; run make core first"
        [ -n "$check" ] && continue || exit 1
    fi
    if ! made=$(page_of "$page"); then
        echo "$page:1: cannot be made"
        [ -n "$check" ] && continue || exit 1
    elif [ -z "$check" ]; then
        printf '%s\n' "$made" >"$page"
    elif [ "$made" != "$(cat "$page")" ]; then
        echo "$page:1: is not what the code says; run make docs"
    fi
done
