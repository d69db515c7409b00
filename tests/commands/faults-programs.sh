# Memory, files and threads that fail on optimize-batch, its worker and test-production: every failure ends in one line and
# an exit code, never in a crash, and leaves either the config that was there or a whole new one.
# BATCHTUNE_FAULTS=all lets every single call fail; otherwise ever fewer of the later ones.
. tests/lib/tap.sh
folder=$PWD/${O:-build}/faulty
case ${O:-build} in /*) folder=$O/faulty ;; esac
all=${BATCHTUNE_FAULTS:-} jobs=1
[ "$all" != all ] || jobs=$(nproc)
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:exitcode=99"
mkdir "$scratch/path" && for tool in timeout mkdir wc rm cat grep sed cmp cp ls find bash env perl tail; do ln -s "$(command -v $tool)" "$scratch/path/"; done
export PATH=$scratch/path # without gnuplot: pictures are not what is tested here
cd "$scratch" || exit 1

sweep() {
    run "$folder/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=0,alpha_ms=0,noise=0 --batches 1 \
        --time-budget 1s --output c.json
}

test_load() {
    run "$folder/test-production" --quiet --config c.json --scenarios sustained --rate 100 --duration 1s
}

valid() { perl -MJSON::PP -0777 -e 'open my $in, "<", $ARGV[0] or die; decode_json(<$in>)' "$1" 2>/dev/null; }

# one COMMAND FAULT: does it under the fault, and says what was wrong.
one() {
    cp before.json c.json
    rm -f c.json.bak
    FAULT=$2 FAULT_COUNT=count "$1"
    case $2:$status in
    *:0) ;;
    *=SHORT:* | *=EINTR:*) echo "$2: status $status: $err" ;;
    *:[124])
        printf '%s\n' "$err" | grep -q '^[a-z-]*: .' || [ "$status" = 4 ] || echo "$2: status $status without a word"
        printf '%s\n' "$out" | tail -n 1 | grep -q '^verdict: ' || grep -q 'standard output' <<<"$err" ||
            echo "$2: no verdict: $out"
        ;;
    *) echo "$2: status $status: $err" ;;
    esac
    valid c.json || echo "$2: leaves a broken config"
    ! find . -name '*.tmp' | grep . || echo "$2: leaves a temporary file"
}

# some COMMAND FAULTS...: does it under one after the other in a folder of its own; ./tried says which, ./wrong what was wrong.
some() {
    local command=$1 fault
    shift
    scratch=$PWD
    cp ../before.json .
    for fault in "$@"; do
        one "$command" "$fault" >>wrong
        echo "$fault" >>tried
        rm -rf results plots
    done
}

planted=0
# each COMMAND PROGRAM KIND CAUSE MOST NAME: with the 1st call failing, then the 2nd, ..., skipping ever more, about MOST.
each() {
    local count at job tried wrong faults=()
    rm -rf results plots job-*
    cp before.json c.json
    export FAULT_IN=$2
    FAULT=$3@0 FAULT_COUNT=count "$1"
    count=$(sed 's/ .*//' count)
    for ((at = 1; at <= count; at += 1)); do
        faults+=("$3@$at$4")
        [ "$all" = all ] || at=$((at + at * 6 / $5))
    done
    for ((job = 0; job < jobs; job += 1)); do
        mkdir "job-$job"
        (
            cd "job-$job" || exit
            mine=()
            for ((at = job; at < ${#faults[@]}; at += jobs)); do mine+=("${faults[at]}"); done
            some "$1" "${mine[@]}"
        ) &
    done
    wait
    unset FAULT_IN
    tried=$(cat job-*/tried | wc -l)
    planted=$((planted + tried))
    wrong=$(cat job-*/wrong)
    [ -z "$wrong" ] && [ "$count" -gt 0 ] && [ "$tried" = ${#faults[@]} ]
    ok $? "$6 ($tried of $count calls)" || comment "$wrong"
}

sweep
exits 0 'a small sweep is good when nothing fails'
cp c.json before.json
each sweep optimize-batch memory '' 30 'a sweep whose memory runs out'
each sweep optimize-batch memory + 10 'and stays out'
each sweep probe-worker memory '' 60 "a worker's"
each sweep optimize-batch files =EIO 25 'files that fail'
each sweep optimize-batch write +=ENOSPC 10 'a disk that is full from some write on'
each sweep optimize-batch open =EMFILE 10 'no more open files'
each sweep optimize-batch thread =EAGAIN 10 'no more processes'
each sweep optimize-batch read =SHORT 10 'reads that are cut short do no harm'
each sweep optimize-batch write =EINTR 10 'nor do writes that are interrupted'

"$folder/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=1,alpha_ms=0.1,noise=0 --batches 1,2 \
    --time-budget 1s --output before.json >/dev/null 2>&1
each test_load test-production memory '' 8 'a load test whose memory runs out'
each test_load test-production files =EIO 6 'whose files fail'
each test_load test-production thread =EAGAIN 6 'that gets no threads'
comment "$planted failures planted in whole runs"
done_testing
