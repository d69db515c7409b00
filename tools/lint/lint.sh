#!/usr/bin/env bash
# Checks what the compiler does not: one line for each violation, "file:line: what; what would be right".
#
#   tools/lint/lint.sh      from anywhere; LIBRARY=build/lib/libbatchtune.a, BIN=build/bin, CC and CXX as in the makefile
#
# Exit status 0 when all is well, 1 with violations. tests/commands/lint.sh plants one of each kind. Commits are checked
# by commits.sh, which .ci/run calls.
set -uo pipefail
export LC_ALL=C # what other programs print is read here: in English, and numbers with a dot
cd "$(dirname "$0")/../.."
shopt -s nullglob
library=${LIBRARY:-build/lib/libbatchtune.a}
. tools/lint/code.sh
. tools/lint/words.sh
. tools/lint/pages.sh

all_checks() {
    check_layers
    check_headers
    check_symbols
    check_layout
    check_shape
    check_locale
    check_scripts
    check_words
    check_old_words
    check_pages
}

violations=$(all_checks)
if [ -n "$violations" ]; then
    printf '%s\n' "$violations"
    echo "lint: $(printf '%s\n' "$violations" | wc -l) violations"
    exit 1
fi
echo "lint: good"
