# A sweep that is killed or interrupted at any of its steps goes on with --resume as if nothing had happened: at each flush
# of the journal, in the middle of each line, and wherever else a file is touched.
# BATCHTUNE_FAULTS=all tries every place; otherwise some.
. tests/lib/tap.sh
folder=$PWD/${O:-build}/faulty
case ${O:-build} in /*) folder=$O/faulty ;; esac
all=${BATCHTUNE_FAULTS:-}
export PATH=/usr/bin:/bin ASAN_OPTIONS="${ASAN_OPTIONS:-}:exitcode=99"
mkdir "$scratch/path" && for tool in timeout rm cat grep head sed cmp wc ls bash env perl; do ln -s "$(command -v $tool)" "$scratch/path/"; done
export PATH=$scratch/path # without gnuplot: pictures are not what is tested here
cd "$scratch" || exit 1

# sweep ARGS...: a small one, half a second
sweep() {
    run "$folder/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=0.2,alpha_ms=0.05,noise=0 --batches 1,2 \
        --time-budget 20s --output c.json "$@"
}

# calls KIND: how many of them a whole sweep makes
calls() {
    rm -rf results plots c.json*
    FAULT=$1@0 FAULT_IN=optimize-batch FAULT_COUNT=count sweep
    sed 's/ .*//' count
}

valid() { perl -MJSON::PP -0777 -e 'open my $in, "<", $ARGV[0] or die; decode_json(<$in>)' "$1" 2>/dev/null; }

# cut KIND NUMBER CAUSE STATUS: cuts a sweep off there, resumes it and says what was wrong.
cut() {
    local journal lines before
    rm -rf results plots c.json*
    FAULT=$1@$2=$3 FAULT_IN=optimize-batch sweep
    [ "$status" = "$4" ] || [ "$status" = 0 ] || echo "$1@$2=$3: ended with $status, not $4: $err"
    [ ! -e c.json ] || valid c.json || echo "$1@$2=$3: leaves a broken config"
    journal=$(ls results/*/journal.jsonl 2>/dev/null | head -n 1)
    lines=0
    [ -z "$journal" ] || { lines=$(wc -l <"$journal") && cat "$journal" >before; }
    sweep --resume
    [ "$status" = 0 ] || echo "$1@$2=$3: cannot be resumed ($status): $err"
    valid c.json || echo "$1@$2=$3: no config after --resume"
    ! grep -q '"finished":true' before 2>/dev/null || return 0
    [ "$lines" -lt 1 ] || head -n "$lines" "$journal" | cmp -s - <(head -n "$lines" before) ||
        echo "$1@$2=$3: what was measured is not kept"
    [ "$lines" -lt 1 ] || [ "$(ls -d results/*/ | wc -l)" = 1 ] || echo "$1@$2=$3: goes on in another folder"
}

places=0
# everywhere KIND CAUSE STATUS STEP NAME
everywhere() {
    local count tried=0 wrong='' at step=$4
    count=$(calls "$1")
    [ "$all" = all ] && step=1
    for ((at = 1; at <= count; at += step)); do
        rm -f before
        wrong+=$(cut "$1" "$at" "$2" "$3")
        tried=$((tried + 1))
    done
    places=$((places + tried))
    [ -z "$wrong" ] && [ "$count" -gt 5 ]
    ok $? "$5 ($tried of $count places)" || comment "$wrong"
}

everywhere flush KILL 137 3 'killed before a flush'
everywhere write TORN 137 8 'killed in the middle of a write'
everywhere files KILL 137 30 'killed at any call on files'
everywhere flush INT 130 8 'interrupted at a flush'
comment "$places sweeps killed or interrupted, and resumed"
done_testing
