#!/usr/bin/env bash
# test-production under mpirun: two processes send the one schedule of a seed, rank 0 alone tells of it, and a rank that is
# killed takes its own requests with it and nothing else.
. tests/lib/tap.sh
. tests/lib/serving.sh
. tests/lib/mpi.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
program=$bin/test-production
command -v mpirun >/dev/null && [ -e build/lib/libbatchtune_mpi.so ] ||
    skip_all 'no mpirun here, or this build is without MPI: make deps-mpi, make MPI=1'
export COLUMNS=240
# What else runs on this machine, the server and the other sender among it, is not these tests' business; and generators and
# clocks may be off by 1 % of the promise.
load=(--quiet --tolerate-cores 1024 --p95-sla-ms 60000 --rate 60)
cd "$scratch" || exit 1
run "$bin/optimize-batch" --quiet --backend sim:tau0_ms=4,alpha_ms=2,noise=0.05 --models hrnet --image-size 32 --batches 1,2,4 \
    --output c.json
exits 0 'there is a config'
serve first --config c.json
ok $? 'there is a server'
first=$url
latest() { ls -dt results/*-test | head -n 1; }
of() { json "$(latest)/record.json" ".scenarios.$1"; }

# --- as many requests as one sender's schedule has, whoever sends them
run "$program" "${load[@]}" --endpoint "$first" --scenarios sustained --duration 2s --seed 7
exits 0 'one sender'
one=$(of 0.parts.0.sent)
is "$(of 0.senders)" null 'is no group'
run "${mpi[@]}" -n 2 "$program" "${load[@]}" --mpi --endpoint "$first" --scenarios sustained,single,burst --burst-size 6 \
    --duration 2s --seed 7
exits 0 'two senders'
is "$(of 0.parts.0.sent)" "$one" 'send what one would'
is "$(of 0.parts.0.server.requests)" "$one" 'which the server counted, too'
is "$(($(of 0.senders.0.sent) + $(of 0.senders.1.sent)))" "$one" 'and each sent its share'
is "$(($(of 0.senders.0.sent) - $(of 0.senders.1.sent)))" "$((one % 2))" 'which are alike'
is "$(of 0.senders.0.rank) $(of 0.senders.1.rank)" '0 1' 'rank by rank'
like "$(of 0.senders.0.clock_bound_us)" '^0(\.0*)?$' 'by the clock of rank 0'
like "$(of 0.senders.1.clock_bound_us)" '^[0-9.e+]+$' 'from which the other may be off by so much'
is "$(of 1.senders.0.sent) $(of 1.senders.1)" "$(of 1.parts.0.sent) null" 'a lone client is of rank 0'
is "$(of 2.senders.0.sent)" "$(of 2.senders.1.sent)" 'a burst is of both'
says '^senders +2 processes of one schedule; rank 0 on .* sent [0-9]+.*; rank 1 on .* sent [0-9]+.*, its clock within [0-9.]+ ms' \
    'all of which is told'
is "$(printf '%s\n' "$out" | grep -c '^hrnet Summary:')" 1 'once'
is "$(ls -d results/*-test | wc -l)" 2 'and written once'
like "$(cat "$(latest)/report.md")" 'senders.*2 processes of one schedule' 'in the report, too'
says '^again +mpirun -n 2 .*test-production .*--mpi' 'with how to repeat it'
run "$bin/render-report" "$(latest)/record.json"
says '^senders +2 processes of one schedule' 'and from the record again'

# --- what cannot be done is told once
run "${mpi[@]}" -n 2 "$program" "${load[@]}" --mpi
exits 2 'without a server there is nobody to send to'
is "$(printf '%s\n' "$err" | grep -c -e '--mpi sends to servers, from several processes: give their --endpoint')" 1 'which is told once'
run "${mpi[@]}" -n 1 "$program" "${load[@]}" --mpi --endpoint "$first" --scenarios sustained --duration 1s : \
    -n 1 "$program" "${load[@]}" --mpi --endpoint http://127.0.0.1:1
exits 2 'a rank that does not reach the server'
says_error 'test-production: rank 1: http://127\.0\.0\.1:1/' 'is named, with what it says'
unlike "$err" 'rank 0 is gone' 'and ends with the others'

# --- a rank that is killed in the midst of its sending
# sends PROCESS: whether it has had a connection to the server for a while, as only who sends load has.
sends() {
    local port
    port=$(printf '%04X' "${first##*:}")
    for _ in 1 2 3 4; do
        ls -l "/proc/$1/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\]/\1/p' | sort >inodes
        awk -v port=":$port" '$3 ~ port "$" && $4 == "01" { print $10 }' /proc/net/tcp | sort >connections
        [ -n "$(comm -12 inodes connections)" ] || return 1
        sleep 0.1
    done
}
"${mpi[@]}" --enable-recovery -n 2 "$program" "${load[@]}" --mpi --endpoint "$first" --scenarios sustained --duration 8s \
    >killed.out 2>killed.err </dev/null &
mpirun=$!
await 'killed=$(rank_of test-production 1)'
while kill -0 "$killed" 2>/dev/null && ! sends "$killed"; do sleep 0.1; done
kill -9 "$killed"
ok $? 'rank 1 sends'
wait "$mpirun" # which ends with 0, whatever came of the test
out=$(cat killed.out)
says '^verdict: inconclusive \(4\)$' 'a test without one of its senders shows nothing'
says 'rank 1 on .* ended: what became of [0-9]+ requests of the schedule is not known' 'whom it names'
says 'remedy +find out why the sender ended' 'with what to do'
like "$(cat killed.err)" 'warning: Sustained Load: rank 1 on .* is gone, and with it [0-9]+ requests' 'as it did when it happened'
is "$(of 0.parts.0.sent)" "$(of 0.senders.0.sent)" 'what rank 0 sent is all there'
is "$(of 0.parts.0.ok)" "$(of 0.parts.0.sent)" 'and was answered'
is "$(of 0.parts.0.lost)" 0 'nothing of it is lost'
is "$(of 0.senders.1.sent)" 0 'of rank 1 nothing is known'
like "$(($(of 0.senders.0.sent) - $(of 0.senders.1.unsent)))" '^[01]$' 'but how much its share was'
is "$(of 0.parts.0.verdict)" not_shown 'the promise is neither kept nor broken'
done_testing
