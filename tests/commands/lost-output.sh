#!/usr/bin/env bash
# A result that does not arrive is no success: standard output that is full, closed or without a reader, and disks that are
# full, for every program; and what was computed is shown before anything optional is written.
. tests/lib/tap.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
tests=${bin%/bin}/tests
picture=$PWD/plots/example/segment-overlay.png
sweep=$PWD/results/example/record.json
load=$PWD/results/example/load-record.json
doctor=$PWD/tools/setup/doctor.sh
cd "$scratch" || exit 1
sim=sim:tau0_ms=4,alpha_ms=2
[ -c /dev/full ] || skip_all 'there is no /dev/full'

# --- what every program prints: NAME | what its message calls it | the command
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --batches 1,2 --output config.json >first.txt 2>&1 || cat first.txt
"$bin/perf-gate" compare "$sweep" "$sweep" --verdict gate.json >/dev/null 2>&1
head -c 4096 /dev/zero >mask.f32
cat >programs <<LIST
optimize-batch|the report|$bin/optimize-batch --quiet --backend $sim --models hrnet --batches 1,2 --output again.json
optimize-batch|the report|$bin/optimize-batch --quiet --backend $sim --models hrnet --batches 1,2 --output again.json --format json
test-production|the report|$bin/test-production --quiet --backend $sim --config config.json --scenarios single --duration 1s
show-batch-config|what the config says|$bin/show-batch-config --config config.json
show-batch-config|what the config says|$bin/show-batch-config --config config.json --format json
explain-batching|the explanation|$bin/explain-batching config.json
explain-batching|the explanation|$bin/explain-batching $load --format json
explain-batching|the explanation|$bin/explain-batching $load --format markdown
plan-replicas|the plan|$bin/plan-replicas --config config.json --rate 20
export-kubernetes|what was written|$bin/export-kubernetes --config config.json --rate 20 written
segment-image|what was segmented|$bin/segment-image --quiet --backend $sim --image $picture --image-size 64
segment-image|what was segmented|$bin/segment-image --quiet --backend $sim --image $picture --image-size 64 --format coco
segment-image|the verdict|$bin/segment-image --quiet --backend $sim --image $picture --image-size 64 --output polygons.json
render-report|the report|$bin/render-report $sweep
render-report|the report|$bin/render-report $sweep --format html
render-report|the report|$bin/render-report $load --format junit
render-report|the report|$bin/render-report results
perf-gate compare|the comparison|$bin/perf-gate compare $sweep $sweep
perf-gate compare|the comparison|$bin/perf-gate compare $sweep $sweep --format markdown
perf-gate show|the comparison|$bin/perf-gate show gate.json --format junit
canary|what was measured|$bin/canary --duration 0s
LIST
for program in optimize-batch test-production show-batch-config explain-batching segment-image serve-production render-report perf-gate canary; do
    echo "$program|the help|$bin/$program --help" >>programs
    echo "$program|the version|$bin/$program --version" >>programs
done
echo "perf-gate compare|the help|$bin/perf-gate compare --help" >>programs

# lost HOW WHY REDIRECTION: every program, so redirected, exits with 1 and says what was lost, once.
lost() {
    local name what command wrong=''
    while IFS='|' read -r name what command; do
        run_shell "$command $3"
        err=$(printf '%s\n' "$err" | grep -v '^warning: ') # of a machine that others use
        [ "$status" = 1 ] && [ "$err" = "$name: standard output could not be written: $2; $what is lost
verdict: failed (1)" ] && continue
        wrong=1
        comment "exit $status from: $command $3"
        comment "$err"
    done <programs
    [ -z "$wrong" ]
    ok $? "$1: exit 1 and one line that names what is lost, of every program"
}
lost 'a full standard output' 'No space left on device' '>/dev/full'
lost 'a closed one' 'Bad file descriptor' '>&-'

# --- files that are written while standard output is closed are theirs alone
whole_json() { python3 -c 'import json, sys; [json.load(open(name)) for name in sys.argv[1:]]' "$@"; }
rm -rf results plots ./*.json
run_shell "$bin/optimize-batch --quiet --backend $sim --models hrnet --batches 1,2 --output config.json >&-"
exits 1 'a tuning run without standard output'
run_shell "whole='$(echo results/*/record.json)'; python3 -c 'import json, sys; [json.load(open(name)) for name in sys.argv[1:]]' \$whole config.json"
exits 0 'leaves a whole record and config'
is "$(grep -l '^verdict: ' config.json results/*/* plots/*/*)" '' 'and what is printed goes into no file'
is "$(find results plots -name '*.html' -o -name '*.svg' -o -name '*.md' | wc -l | tr -d ' ')" \
    "$(($(find plots -name '*.svg' | wc -l) + 3))" 'with both reports, and the page over all runs'
run_shell "$bin/segment-image --quiet --backend $sim --image $picture --image-size 64 --output polygons.json --overlay o.png >&- 2>&- <&-"
exits 1 'segmenting with all three closed'
whole_json polygons.json
ok $? 'leaves whole polygons'
run_shell "$bin/segment-image --quiet --backend $sim --image $picture --image-size 64 --output other.json --overlay other.png"
cmp -s o.png other.png
ok $? 'and a whole overlay'
run_shell "$bin/show-batch-config --config config.json --format json 2>&- | tail -n 1; exit \${PIPESTATUS[0]}"
exits 0 'without standard error nothing of a result is lost'
says '^}$' 'which arrives'
run_shell "$tests/mask-polygons --mask mask.f32 --height 32 --width 32 >/dev/full"
exits 1 "what prints a test's polygons says so too"
run_shell "$bin/probe-worker --version >/dev/full"
exits 1 'and the worker'

# --- a reader that goes away
run_shell "$bin/optimize-batch --quiet --backend $sim --models hrnet --batches 1,2 --output head.json --results unread \
    --plots unread-plots | true; exit \${PIPESTATUS[0]}"
exits 141 'where nobody reads any more it ends as SIGPIPE would have it'
is "$err" 'verdict: unread (141)' 'with the verdict alone'
whole_json head.json unread/*/record.json
ok $? 'after everything is written'
run python3 -c 'import os, subprocess, sys
ends = os.pipe()
os.close(ends[0])
sys.exit(subprocess.run(sys.argv[1:], stdout=ends[1]).returncode)' "$bin/render-report" "$sweep" --format html
exits 141 'a text longer than a buffer likewise'
run_shell "$bin/canary --duration 0s | head -n 1; exit \${PIPESTATUS[0]}"
exits 0 'whoever has been given all of it and reads the beginning has lost nothing'
is "$err" '' 'and hears nothing of it'

# --- doctor, which is a script
if [ -x "$doctor" ]; then
    run_shell "CANARY_S=0 O='${bin%/bin}' '$doctor' >/dev/full"
    exits 1 'doctor, too, says that its findings are lost'
    says_error '^doctor: .*could not be written' 'in one line'
fi

# --- a disk that is full
if [ "$(id -u)" != 0 ] || ! mkdir small || ! mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
    skip 'a small disk cannot be mounted here' 9
    done_testing
    exit
fi
trap 'umount "$scratch/small"; rm -rf "$scratch"' EXIT
fill() { dd if=/dev/zero of=small/filler bs=1024 count="$1" 2>/dev/null; }
fill 56
run_shell "$bin/render-report $sweep --format json >small/record.json"
exits 1 'a text that ends where the disk does'
says_error '^render-report: standard output could not be written: No space left on device; the report is lost$' 'is told'
run_shell "$bin/render-report $sweep --output small/report.html --format html"
exits 1 'a report that does not fit there'
is "$err" 'render-report: small/report.html: cannot be written: No space left on device' 'in one line: it is no bad input'
is "$(ls small | tr '\n' ' ')" 'filler record.json ' 'and nothing of it is left'
rm small/record.json
run_shell "$bin/optimize-batch --quiet --backend $sim --models hrnet --batches 1,2 --output full.json --plots small/plots --results kept"
exits 1 'a tuning run whose plots do not fit'
says '→' 'shows its table'
says 'verdict: failed \(1\)' 'and the verdict'
is "$(printf '%s\n' "$err" | grep -v '^warning' | wc -l)" 1 'with one line'
whole_json full.json kept/*/record.json
ok $? 'config and record are written'
ls kept/*/report.html >/dev/null 2>&1
ok $? 'and the page'
run_shell "$bin/test-production --quiet --backend $sim --config full.json --scenarios single --duration 1s --plots small/plots --results tested"
exits 1 'a load test whose plots do not fit'
says 'Single Request: P95=' 'shows its table too'
whole_json tested/*/record.json
ok $? 'and keeps its record'
run_shell "$bin/render-report $sweep --plots small/plots"
exits 1 'a report made again'
says '→' 'is shown whatever becomes of its plots'
run_shell "$bin/segment-image --quiet --backend $sim --image $picture --image-size 64 --overlay small/o.png"
exits 1 'an overlay that does not fit'
says '^\{"height":' 'comes after the polygons'
unlike "$out" verdict 'which stay JSON'
done_testing
