# Places that cannot be written, disks that are full, two runs at once: each is told in one line before or after, and what
# was there is still there.
. tests/lib/tap.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
sim=sim:tau0_ms=0.2,alpha_ms=0.05,noise=0
cd "$scratch" || exit 1
chmod 755 .

# As root every folder can be written: nobody takes its place where there is one.
as_nobody=''
[ "$(id -u)" != 0 ] || as_nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
sweep() { run $as_nobody "$bin/optimize-batch" --quiet --models hrnet --backend $sim --batches 1 --time-budget 1s "$@"; }

# --- folders that cannot be written
mkdir open && chmod 777 open
mkdir closed && echo '{}' >closed/c.json && chmod 555 closed
if [ -z "$as_nobody" ] || $as_nobody test -x "$bin/optimize-batch" 2>/dev/null; then
    sweep --output closed/c.json --results open/results --plots open/plots
    refuses '^optimize-batch: --output: closed/c\.json: files cannot be written in closed: Permission denied' \
        'an output in a read-only folder is refused'
    is "$(cat closed/c.json)" '{}' 'and what is there stays'
    is "$(ls open)" '' 'before anything is begun'
    sweep --output open/c.json --results closed/results --plots open/plots
    refuses '^optimize-batch: --results: closed/results: the folder cannot be made: Permission denied' 'results in one too'
    [ ! -e open/c.json ]
    ok $? 'and leaves no config'
    sweep --output open/c.json --results open/results --plots closed/plots
    refuses '^optimize-batch: --plots: closed/plots: the folder cannot be made: Permission denied' 'and plots'
    is "$(ls open)" '' 'before anything is measured'
    sweep --output open/c.json --results open/results --plots open/plots
    run $as_nobody "$bin/render-report" "$(ls -d open/results/*/ | head -n 1)record.json" --format markdown --output closed/r.md
    unlike "$status" '^0$' 'a report that cannot be written is a failure'
    like "$err" 'closed/r\.md' 'that names the file'
else
    skip 'nobody cannot reach the programs' 9
fi
sweep --output open/c.json/below.json --results open/results --plots open/plots
unlike "$status" '^0$' 'an output below a file is refused'

# --- a disk that is full
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=32k,mode=777 tmpfs small 2>/dev/null; then
    trap 'umount "$scratch/small"; rm -rf "$scratch"' EXIT
    as_nobody=''
    echo '{"schema_version": 1, "configurations": {}}' >small/c.json
    cp small/c.json before.json
    sweep --output small/c.json --results small/results --plots small/plots
    is "$status" 1 'a run onto a full disk fails'
    like "$err" 'No space left on device' 'and says why'
    cmp -s small/c.json before.json
    ok $? 'the config is the one that was there'
    is "$(find small -name '*.tmp')" '' 'no half file is left'
    sweep --output small/c.json --results results --plots small/plots
    like "$err" 'No space left on device' 'plots on a full disk are told'
    "$bin/optimize-batch" --quiet --models hrnet --backend $sim --batches 1 --time-budget 1s --output c.json >/dev/null 2>&1
    dd if=/dev/zero of=small/full bs=1k count=64 2>/dev/null
    run "$bin/render-report" "$(ls -d results/*/ | tail -n 1)record.json" --format markdown --output small/r.md
    unlike "$status" '^0$' 'a report onto a full disk fails'
    [ ! -s small/r.md ]
    ok $? 'and leaves no half report'
else
    skip 'no file system can be mounted here' 7
fi
run_shell "'$bin/show-batch-config' --config before.json >/dev/full"
unlike "$status" '^0$' 'what standard output does not take is no success'

# --- two at once
"$bin/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output r.json --results r >/dev/null 2>&1 &
first=$!
until [ -s r.json.lock ] && ls r/*/journal.jsonl >/dev/null 2>&1; do sleep 0.05; done
run "$bin/optimize-batch" --quiet --models hrnet --backend $sim --output r.json --results other
like "$err" "^optimize-batch: --output: r\.json\.lock: process $first \(optimize-batch\) is at work here; wait for it or stop it" \
    'two sweeps of one output: the second names the first'
unlike "$status" '^0$' 'and fails'
[ ! -e other ]
ok $? 'having begun nothing'
run "$bin/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output s.json --results r --resume
like "$err" "process $first \(optimize-batch\) is at work here" 'nor can a run under way be resumed from another output'
kill -INT $first
wait $first
is $? 130 'the first was not disturbed'
run "$bin/optimize-batch" --quiet --models hrnet --backend $sim --batches 1,2 --time-budget 1s --output c.json
"$bin/test-production" --quiet --config c.json --scenarios single --duration 5s --results t >/dev/null 2>&1 &
first=$!
until [ -s t/test-production.lock ]; do sleep 0.05; done
run "$bin/test-production" --quiet --config c.json --scenarios single --duration 1s --results t
like "$err" "process $first \(test-production\) is at work here" 'two load tests at once: the second names the first'
unlike "$status" '^0$' 'and fails'
kill -INT $first
wait $first
done_testing
