#!/usr/bin/env bash
# Manual pages say what the programs say: every option of the tables, laid out without a complaint by man.
. tests/lib/tap.sh
export LC_ALL=C.UTF-8 MANWIDTH=100
man=$(command -v man)

for program in "$bin"/*; do
    name=$(basename "$program") page=$scratch/$(basename "$program").1
    run tools/package/manual.pl "$program" 1.2.3
    exits 0 "$name has a manual page"
    printf '%s\n' "$out" >"$page"
    is "$(printf '%s\n' "$out" | sed -n '/^.SH NAME/{n;s/ \\- .*//;s/\\//g;p;}')" "$name" 'which man finds by its name'
    case $name in probe-worker | gate-probe) continue ;; esac
    for word in $("$program" --help | sed -n '/^Commands:$/,/^$/s/^  \([a-z-]*\) .*/\1/p') ''; do
        wanted=$("$program" $word --help=markdown 2>/dev/null | grep -o '^- `--[^ `]*' | cut -c 4-)
        missing=$(for flag in $wanted; do grep -qF -e "\\fB${flag//-/\\-}\\fR" "$page" || echo "$flag"; done)
        is "$missing" '' "every option of $name $word is in it"
    done
    if [ -n "$man" ]; then
        run man --warnings -E UTF-8 -l -Tutf8 "$page"
        is "$err" '' 'man takes it as it is'
        says "^ *batchtune 1.2.3" 'and shows the version'
    else
        skip 'there is no man here' 2
    fi
done

run tools/package/manual.pl "$bin/serve-production" 1.2.3
says '^\.SS Examples' 'examples are there'
says '^\.SS Exit status' 'and exit codes'
unlike "$out" '(^|[^\\])--' 'a dash that is typed is one that can be copied'
run tools/package/manual.pl /bin/false 1.2.3
exits 1 'what explains nothing has no page'
done_testing
