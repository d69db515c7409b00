#!/usr/bin/env bash
# No page drifts from the programs: what README and docs/ tell to run is run, and what they name is there. What each mark of a
# block means is in docs/testing.md.
. tests/lib/tap.sh
root=$PWD
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
build=${bin%/bin}
pages=(README.md CONTRIBUTING.md docs/*.md)
pages_pl() { perl "$root/tests/lib/pages.pl" "$@"; }

# --- what the programs say to --help, a file each
mkdir "$scratch/help"
for program in "$bin"/*; do
    "$program" --help >"$scratch/help/${program##*/}" 2>/dev/null </dev/null
done
for command in record compare run show; do
    "$bin/perf-gate" "$command" --help >"$scratch/help/perf-gate $command" 2>/dev/null </dev/null
done

# --- names
for page in "${pages[@]}"; do
    is "$(O=$build pages_pl names "$scratch/help" "$page" 2>&1)" '' "$page names what is there"
done

# --- commands, in a place where nothing of the tree is written to
# A page's own, so that each page can be followed from its top.
make_place() {
    local part
    mkdir -p "$1/build" "$1/results" "$1/configs"
    for part in bin tests bench; do ln -s "$build/$part" "$1/build/$part"; done
    cp -r configs/profiles configs/schema configs/default.json configs/perf-gate.json "$1/configs/"
    cp -r results/example "$1/results/"
    ln -s "$root/src" "$root/tests" "$root/tools" "$root/shim" "$1/"
}

# In front of make: asks the makefile what a target runs, and runs that here.
stand_in=$scratch/stand-in
mkdir "$stand_in"
cat >"$stand_in/make" <<END
#!/usr/bin/env bash
lines=\$(env -u MAKEFLAGS -u MAKELEVEL PATH="$PATH" make -C "$root" --no-print-directory -n O="$build" "\$@") || exit
lines=\$(printf '%s\n' "\$lines" | grep "^$bin/") || exit 125
eval "\$lines"
END
chmod +x "$stand_in/make"

# run_command PLACE TEXT: a load test is cut to a second for each scenario.
run_command() {
    run bash -c 'cd "$1" && PATH=$2:$PATH && eval "$3"' - "$1" "$stand_in" \
        "$(printf '%s\n' "$2" | sed -E 's/--duration [0-9]+s/--duration 1s/')"
    tap_command=$2
}

# follow PAGE PLACE: runs what the page tells to run, from its top, and keeps in PLACE.ran what each command did.
follow() {
    local page=$1 place=$2 block command count=0
    scratch=$place.ran # where `run` keeps what is printed: pages are followed side by side
    for block in "$place.blocks"/*.sh; do
        [ -e "$block" ] || continue # a page without any
        [ -d "$place" ] || make_place "$place"
        while IFS= read -r command; do
            run_command "$place" "$command"
            count=$((count + 1))
            declare -p status out err tap_command >"$place.ran/$(printf '%03d' $count)"
        done < <(pages_pl commands "$block")
    done
}

# judge NAME: 3 and 4 are verdicts on this machine, and not on the page.
judge() {
    case $status in 3 | 4) status=0 ;; esac
    if [ "$status" = 2 ] && printf '%s\n' "$err" | grep -q 'oneDNN\|AVX2'; then
        skip 'the CPU plan does not run here'
    else
        exits 0 "$1"
    fi
}

place_of() { echo "$scratch/$(basename "$1" .md)"; }
for page in "${pages[@]}"; do
    place=$(place_of "$page")
    mkdir "$place.blocks" "$place.ran"
    pages_pl blocks "$page" "$place.blocks"
    ok $? "$page has blocks that end"
done
# Side by side: simulated networks wait more than they compute.
for page in "${pages[@]}"; do follow "$page" "$(place_of "$page")" & done
wait
for page in "${pages[@]}"; do
    place=$(place_of "$page") count=0
    for ran in "$place.ran"/[0-9]*; do
        [ -e "$ran" ] || continue
        . "$ran"
        judge "$page: $tap_command"
        count=$((count + 1))
    done
    is $count "$(find "$place.blocks" -name '*.sh' -exec perl tests/lib/pages.pl commands {} \; | wc -l)" "$page was followed to its end"
done

# --- code
for page in "${pages[@]}"; do
    for block in "$(place_of "$page").blocks"/*; do
        [ -e "$block" ] || continue
        where="$page: the block of line $((10#$(basename "${block%.*}")))"
        case $block in
        *.c)
            run "${CC:-gcc}" -std=c17 -Wall -Wextra -Werror -Isrc -fsyntax-only -x c "$block"
            exits 0 "$where compiles"
            ;;
        *.json)
            json "$block" '' >/dev/null 2>&1
            ok $? "$where is JSON"
            ;;
        *.python)
            run python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$block"
            exits 0 "$where is Python"
            ;;
        *.sh | *.console | *.text) ;;
        *) is "$(basename "$block")" 'a mark that docs/testing.md names' "$where is marked" ;;
        esac
    done
done

# --- output: what a page shows of the example's tables is what is printed today
for record in record load-record; do "$bin/render-report" "results/example/$record.json" 2>&1; done >"$scratch/printed"
echo … >>"$scratch/printed"
shown=0
for block in "$scratch"/*.blocks/*.text; do
    case $(head -n 1 "$block") in HRNet*) ;; *) continue ;; esac
    shown=$((shown + 1))
    page=$(basename "$(dirname "$block")" .blocks)
    is "$(grep -v -x -F -f "$scratch/printed" "$block")" '' "$page shows what render-report prints of results/example"
done
[ $shown -ge 2 ]
ok $? 'some pages show it'

# --- and this test finds what drifts
cat >"$scratch/drifted.md" <<'END'
Say `--p95-sla-msec 50`, `make tune-batch`, `NO_SUCH_KNOB=1`, `bt_service_begin` or `src/absent.c`, and not `--p95-sla-ms 50`.

```console
build/bin/optimize-batch --p95-sla-ms 50 --lengthen 2      # an option of another program
make test TESTS="docs no-such-test" PROFILE=no-such-profile
build/bin/no-such-program
```

```sh
build/bin/show-batch-config --confg configs/default.json
```
END
missing=$(O=$build pages_pl names "$scratch/help" "$scratch/drifted.md")
for wanted in '1: no program has --p95-sla-msec' '1: the makefile has no target tune-batch' '1: nothing reads NO_SUCH_KNOB' \
    '1: nothing is called bt_service_begin' '1: there is no src/absent.c' '4: optimize-batch has no --lengthen' \
    '5: there is no configs/profiles/no-such-profile.json' '5: there is no test no-such-test' \
    '6: there is no program build/bin/no-such-program' '10: show-batch-config has no --confg'; do
    like "$missing" "drifted\.md:$wanted$" "found: ${wanted#*: }"
done
is "$(printf '%s\n' "$missing" | wc -l)" 10 'and nothing else'
make_place "$scratch/drifted"
run_command "$scratch/drifted" 'build/bin/show-batch-config --confg configs/default.json'
exits 2 'a misspelt option fails where it is run'
run_command "$scratch/drifted" 'make tune-batch'
[ "$status" != 0 ]
ok $? 'so does a target that is not there'
done_testing
