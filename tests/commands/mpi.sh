#!/usr/bin/env bash
# --mpi: processes that mpirun started share the measuring, choose what one alone would, and may die.
. tests/lib/tap.sh
. tests/lib/mpi.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
shim=$PWD/build/lib/libbatchtune_mpi.so
cd "$scratch" || exit 1

mkdir -p alone/bin
cp "$bin/optimize-batch" alone/bin/
run alone/bin/optimize-batch --mpi
refuses 'this build is without MPI \(libbatchtune_mpi\.so\): run `make deps-mpi` and `make MPI=1`' \
    'a build without MPI says what to make'

if ! command -v mpirun >/dev/null || [ ! -e "$shim" ]; then
    skip 'no mpirun here, or this build is without MPI: make deps-mpi, make MPI=1'
    done_testing
    exit
fi

recovering=("${mpi[@]}" --enable-recovery)
sim=(--backend 'sim:tau0_ms=10,alpha_ms=5,noise=0' --p95-sla-ms 500 --image-size 128 --batches '1,2,4' --seed 1)
chosen() { json "$1" ".configurations.$2.optimal_batch_size"; }

run "$bin/optimize-batch" "${sim[@]}" --results one --output one.json
exits 0 'one process alone'
run "${recovering[@]}" -n 2 "$bin/optimize-batch" --mpi "${sim[@]}" --results two --output two.json
exits 0 'two ranks'
is "$(grep -c '^verdict: ' <<<"$out")" 1 'of whom one prints'
for model in hrnet cbam_resunet; do
    is "$(chosen two.json $model)" "$(chosen one.json $model)" "choose the same batch of $model"
done
says_error 'steps measured: [1-9][0-9]* by rank 0, [1-9][0-9]* by rank 1$' 'and both measured'
is "$(ls two | grep -c optimize-batch)" 1 'in one run'
[ "$(grep -c '"rank":1,.*"step"' two/*/ranks.jsonl)" -gt 0 ]
ok $? 'whose merged journal says who measured what'
is "$(grep -c . two/*/ranks.jsonl)" "$(grep -c '^{"rank":[01],"model":"\(hrnet\|cbam_resunet\)",' two/*/ranks.jsonl)" 'line by line'

run "${recovering[@]}" -n 3 "$bin/optimize-batch" --mpi "${sim[@]}" --models hrnet --results three --output three.json
exits 0 'three ranks at one model'
is "$(chosen three.json hrnet)" "$(chosen one.json hrnet)" 'choose the same'
run "${recovering[@]}" -n 1 "$bin/optimize-batch" --mpi "${sim[@]}" --models hrnet --output single.json
exits 0 'one rank by itself'
is "$(chosen single.json hrnet)" "$(chosen one.json hrnet)" 'too'

# Where no rank may be lost, mpirun hands the exit code on.
run "${mpi[@]}" -n 2 "$bin/optimize-batch" --mpi "${sim[@]}" --models resnet
exits 2 'what is wrong with the command'
is "$(grep -c 'optimize-batch: --models: unknown model "resnet"' <<<"$err")" 1 'is told once'

# wait_for COMMAND...: until it is true; a minute is long.
wait_for() {
    local i
    for i in $(seq 600); do
        "$@" 2>/dev/null && return
        sleep 0.1
    done
    return 1
}

has_measured() { grep -q "\"rank\":$1,.*\"step\"" "$2"/*/ranks.jsonl; }

# What is left for one rank takes longer than a silence that counts as death: 85 runs of a proof at least.
slow=(--backend 'sim:tau0_ms=150,alpha_ms=15,noise=0' --p95-sla-ms 2000 --image-size 128 --batches '1,2,4' --seed 1 --models hrnet)
"${recovering[@]}" -n 2 "$bin/optimize-batch" --mpi "${slow[@]}" --results lost --output lost.json >lost.out 2>lost.err </dev/null &
mpirun=$!
wait_for has_measured 1 lost
victim=$(rank_of optimize-batch 1)
ok $? 'a rank has measured something'
kill -9 "$victim"
wait "$mpirun"
like "$(cat lost.err)" 'rank 1 is gone: hrnet batch [124], which it was measuring, is measured by another' \
    'a rank that is killed is missed, and its point named'
like "$(cat lost.out)" '^verdict: good \(0\)$' 'and the others finish'
is "$(chosen lost.json hrnet)" 4 'with the choice that the sizes make plain'

# Without --enable-recovery mpirun ends all of them; what was measured is not measured again.
quick=("${slow[@]}" --backend 'sim:tau0_ms=50,alpha_ms=5,noise=0')
"${mpi[@]}" -n 2 "$bin/optimize-batch" --mpi "${quick[@]}" --results cut --output cut.json \
    >cut.out 2>cut.err </dev/null &
mpirun=$!
wait_for has_measured 1 cut
kill -9 "$(rank_of optimize-batch 1)"
wait "$mpirun"
[ ! -e cut.json ]
ok $? 'mpirun by itself ends them all'
before=$(grep -c '"step"' cut/*/ranks.jsonl)
cp cut/*/ranks.jsonl before.jsonl
run "${recovering[@]}" -n 2 "$bin/optimize-batch" --mpi "${quick[@]}" --results cut --output cut.json --resume
exits 0 '--resume'
says_error "going on with .*: $before steps are measured already" 'goes on with what the ranks had measured'
is "$(ls cut | grep -c optimize-batch)" 1 'in the same run'
is "$(head -c "$(stat -c %s before.jsonl)" cut/*/ranks.jsonl | cmp - before.jsonl && echo kept)" kept 'of which nothing is lost'
is "$(chosen cut.json hrnet)" 4 'to that choice, too'
done_testing
