#!/usr/bin/env bash
# A target builds what it runs and nothing else, with all cores unless it is told how many. `make -nB` says what would be
# built if nothing were.
. tests/lib/tap.sh
dry() { run env -u MAKEFLAGS -u MAKELEVEL make -nB O="$O" "$@"; }
sim='--backend sim:tau0_ms=4,alpha_ms=2 --batches 1,2'

dry optimize-batch ARGS="$sim"
exits 0 'what a sweep needs can be told'
says "-o $O/bin/optimize-batch " 'it is the program'
says "-o $O/bin/probe-worker " 'and its helper'
says "^$O/bin/optimize-batch .*$sim" 'which is then run'
unlike "$out" '[^a-z]tests/' 'no test, bench or faulty program'
unlike "$out" '[^a-z]shim/|libbatchtune_torch' 'and nothing of libtorch where the machine is simulated'
says 'make .* -j[0-9]+ .*built' 'all cores build'
dry -j1 optimize-batch ARGS="$sim"
unlike "$out" 'make .* -j[0-9]+ .*built' 'unless -j was given'

dry optimize-batch ARGS='--backend plan'
unlike "$out" 'shim/' 'the compiled plan does without libtorch too'
dry optimize-batch ARGS='--images plan/sim'
says 'shim/torch_shim' 'a folder of that name does not'

for target in show-batch-config explain-batching export-kubernetes test-production serve-production segment-image perf-gate doctor install; do
    dry "$target" ARGS="$sim" PREFIX="$scratch/prefix"
    exits 0 "make -n $target"
    unlike "$out" '[^a-z]tests/(unit|lib|programs|bench)/' "$target builds no test"
done
dry bench
says 'bench-promises' 'benches build what they run'
unlike "$out" 'tests/unit/' 'and no test'

dry optimize-batch show-batch-config ARGS="$sim"
is "$(printf '%s\n' "$out" | grep -E "^$O/bin/(optimize-batch|show-batch-config) " | cut -d ' ' -f 1 | tr '\n' ' ')" \
    "$O/bin/optimize-batch $O/bin/show-batch-config " 'targets are run in the order given'
done_testing
