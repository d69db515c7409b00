# A CPU quota, in a real control group: as many cores as it leaves, and what it stopped. Needs a hierarchy that this
# user may make groups in (root, most often).
. tests/lib/tap.sh
program=$PWD/$bin/optimize-batch canary=$PWD/$bin/canary

[ "$(nproc)" -ge 2 ] || skip_all 'one CPU leaves nothing to a quota'

# The folder of this process's own group, by version; v1's controller may share its mount with others.
own_group() {
    local mount path
    case $1 in
    1) mount=$(awk '$0 ~ / - cgroup [^ ]+ [^ ]*cpu(,|$)/ && $4 == "/" { print $5; exit }' /proc/self/mountinfo) \
        path=$(sed -n -E 's/^[0-9]+:([^:]*,)?cpu(,[^:]*)?:(.*)/\3/p' /proc/self/cgroup) ;;
    2) mount=$(awk '/ - cgroup2 / && $4 == "/" { print $5; exit }' /proc/self/mountinfo) path=$(sed -n 's/^0:://p' /proc/self/cgroup) ;;
    esac
    [ -n "$mount" ] && [ -n "$path" ] && echo "$mount${path%/}"
}

# limit MICROSECONDS: of each 100 ms.
limit() {
    if [ "$version" = 1 ]; then
        echo "$1" >"$group/cpu.cfs_quota_us"
    else
        echo "$1 100000" >"$group/cpu.max"
    fi
}

group=''
for version in 1 2; do
    parent=$(own_group $version) || continue
    mkdir "$parent/batchtune-test-$$" 2>/dev/null || continue
    group=$parent/batchtune-test-$$
    trap 'rmdir "$group"; rm -rf "$scratch"' EXIT
    limit 100000 2>/dev/null && break
    rmdir "$group"
    group=''
    trap 'rm -rf "$scratch"' EXIT
done
[ -n "$group" ] || skip_all 'no control group with a quota can be made here'

# within COMMAND...: runs it in the group.
within() { run bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"; }
record() { json "$(ls -dt results/*/ | head -n 1)record.json" "$1"; }
cd "$scratch" || exit 1

within "$canary" --duration 0s
exits 0 'a program runs in a group of its own'
says "^1 core \(a CPU quota of 1 on $(nproc) CPUs\)" 'a quota of one CPU is one core, however many are there'
limit 150000
within "$canary" --duration 0s
says "^2 cores( \(a CPU quota of 1\.5 on $(nproc) CPUs\))?" 'a part of a CPU counts whole'
limit 2000
within "$canary" --duration 0s
says 'the CPU quota of 0\.02 throttled [1-9][0-9]* of [1-9][0-9]* periods' 'what it stops is counted'

limit 100000
tune() {
    within "$program" --backend plan --models hrnet --image-size 32 --batches 1 --time-budget 2s --p95-sla-ms 5000 \
        --output c.json "$@"
}
if ! grep -qw avx2 /proc/cpuinfo || ! grep -qw fma /proc/cpuinfo; then
    skip 'the compiled plan needs AVX2' 5
else
    tune # whatever comes of so short a run
    says_error "^1 core \(a CPU quota of 1 on $(nproc) CPUs\)" 'a tuning run says what the quota leaves'
    is "$(record .models.0.threads) $(record .models.0.instances) $(record .machine.cores) $(record .machine.cpu_quota)" '1 1 1 1' \
        'one thread and no copies, of one core'
    tune --threads 2
    says_error "warning: 2 threads on 1 core .*they will stand still together" 'who asks for more is told'
    is "$(record .models.0.threads)" 2 'and gets it'
    limit -1 2>/dev/null || limit max
    tune
    is "$(record .machine.cpu_quota)" 0 'without a quota there is none'
fi
done_testing
