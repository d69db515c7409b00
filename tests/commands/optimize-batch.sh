# optimize-batch on the simulated backend: what it picks, what it leaves, what it refuses, and what survives what.
. tests/lib/tap.sh
program=$PWD/$bin/optimize-batch
sim=sim:tau0_ms=4,alpha_ms=2,noise=0
pictures=$PWD/tests/images
cd "$scratch" || exit 1

# tune ARGS...: quietly, into ./c.json; a network each, so that a test is short.
tune() { run "$program" --quiet --models hrnet --output c.json "$@"; }
batch() { json c.json .configurations.hrnet.optimal_batch_size; }
# point BATCH FIELD: of the newest record
point() {
    json "$(ls -dt results/*/ | head -n 1)record.json" .models.0.points |
        perl -MJSON::PP -0777 -e '
            my ($batch, $field) = @ARGV;
            for (@{decode_json(<STDIN>)}) {
                next if $_->{batch_size} != $batch;
                my $value = $field eq "samples" ? scalar @{$_->{samples_ms}} : $_->{$field};
                print defined $value ? $value : "null", "\n";
            }' "$1" "$2"
}

# --- what it picks
tune --backend $sim --batches 1,2,4,8,16
exits 0 'a sweep on the simulated backend is good'
is "$(batch)" 2 'efficiency picks the size nearest tau0 / alpha'
is "$(point 2 outcome)" measured 'the chosen size is confirmed'
says 'verdict: good \(0\)' 'the last line is the verdict'
says 'batch 16' 'the size that throughput would take is named'
[ "$(point 2 samples)" -ge 85 ]
ok $? 'with at least the 85 samples that can show it'
for what in prepare deliver; do
    is "$(json c.json .configurations.hrnet.${what}_ms_quantiles | grep -c '[1-9]')" 1 \
        "what a lane takes to $what a picture is in the config"
done

tune --backend $sim --batches 1,2,4,8,16 --objective throughput
is "$(batch)" 16 'throughput picks the largest'
says 'changed .*batch 2 -> 16' 'what changed against the config before is said'
[ -s c.json.bak ]
ok $? 'the config before is kept as .bak'

# 20 + 5 b ms: of a request, which also waits; tune-capacities tells which size wins
capacity=sim:tau0_ms=20,alpha_ms=5,noise=0
tune --backend $capacity --batches 1,4,8 --p95-sla-ms 250 --objective capacity
exits 0 'an objective of capacity is good'
is "$(json c.json .configurations.hrnet.settings.max_queue_delay_ms)" "$(point "$(batch)" best_delay_ms)" \
    'the queue delay that suits the size best is in the config'
says "serve batches of up to $(batch) with a queue delay of" 'the advice says both'
says "capacity +batch $(batch), queue delay" 'and so do the winners'
ls plots/*/hrnet-rates.gnuplot >plotted 2>&1
ok $? 'P95 against rate is drawn'

tune --backend $capacity --batches 1,4 --p95-sla-ms 250 --rate hrnet=20000 --require-sla
exits 3 'a rate that nothing holds is exit 3 with --require-sla'
says 'no batch size holds 20000 requests/s under' 'and told'
tune --backend $capacity --batches 1,4 --p95-sla-ms 250 --rate 10
exits 0 'a rate that one holds is good'
says 'at 10 requests/s' 'and told with its P95'
tune --backend $capacity --batches 1,4 --p95-sla-ms 250 --plan-rate 100
exits 0 'replicas are planned for a rate'
"$(dirname "$program")/plan-replicas" --config c.json --rate 100 >planned 2>&1
is "$(grep -c -x -F -f <(sed '/^$/d; /^verdict/d' planned) <<<"$out")" "$(sed '/^$/d; /^verdict/d' planned | wc -l)" \
    'as plan-replicas does of the config'
run "$(dirname "$program")/render-report" --format markdown "$(ls -dt results/*/ | head -n 1)record.json"
says '^Replicas, by simulation: hrnet, 100 requests/s' 'the report has them, too'
tune --backend $capacity --batches 1,4 --p95-sla-ms 250 --plan-rate 1e9
exits 0 'a rate beyond what is planned loses nothing that was measured'
like "$(json "$(ls -dt results/*/ | head -n 1)record.json" .models.0.advice)" 'plan-rate: hrnet: 1e.09 .* at most 1024 are planned' \
    'and is told'
tune --rate 30 --objective latency --backend $capacity
exits 2 'a rate with another objective is refused'
says_error '--rate: asks for the capacity, not for --objective latency' 'in one line'
tune --rate other=30 --backend $capacity
exits 2 'a rate of a model that is not tuned is refused'

tune --backend $sim --batches 1,2,4,8,16 --p95-sla-ms 11
[ "$(point 16 samples)" -le 5 ]
ok $? 'a size that is late beyond doubt costs five samples at most'
is "$(point 16 outcome)" over_sla 'and is over the SLA'

tune --backend $sim --p95-sla-ms 3 --require-sla
exits 3 'with --require-sla an SLA that nothing keeps is exit 3'
is "$(json c.json .configurations.hrnet.meets_sla)" false 'the config says that the SLA is not met'
# where the samples of a busy machine hang together P95 has no upper bound, and only the closest size can be told
says '(an SLA of [0-9]+ ms could be kept|comes closest with [0-9.]+ ms)' 'and the report what could be kept, or came closest'

says 'verdict: sla-broken \(3\)' 'and the word'
tune --backend $sim --p95-sla-ms 3
exits 0 'without it the config is written all the same'
says 'verdict: sla-broken \(0\)' 'but nobody calls it good'
says '⇢ provisional \(it breaks the SLA least\)' 'what comes closest is provisional'
unlike "$out" '→ chosen' 'and not chosen'

# --- what is not shown
tune --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --time-budget 1s
exits 4 'where time runs out before the proof, that is inconclusive'
says 'verdict: inconclusive \(4\)' 'and said'
says '⇢ provisional \(not shown to keep the SLA\)' 'what looks best is provisional'
says 'more runs? \(' 'what is missing is said'
is "$(json "$(ls -dt results/*/ | head -n 1)record.json" .models.0.choice)" provisional 'and in the record'
tune --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --time-budget 1s --require-sla
exits 4 'which is not broken either'
tune --backend $sim,crash_at=1 --batches 1,2
exits 4 'a model whose every size crashes is inconclusive'
says 'nothing could be measured' 'and said to be unmeasured'
says '1 .* crashed +the worker was killed' 'with the reason'

# a worker that dies while it opens the first model, and serves the others
mkdir programs && cp "$program" programs/
printf '#!/bin/sh\n[ -e opened ] || { : >opened; kill -KILL $$; }\nexec "%s"\n' "$(dirname "$program")/probe-worker" >programs/probe-worker
chmod +x programs/probe-worker
first() { rm -f opened; run programs/optimize-batch --models hrnet,cbam_resunet --backend $sim --batches 1,2 --output first.json "$@"; }
first
exits 4 'a model that cannot be opened is inconclusive'
says 'no batch size was measured: the worker was killed' 'has its paragraph and the reason'
says 'hrnet: could not be measured \(the worker was killed' 'which its entry in the config says too'
says '→•? +2 ' 'and leaves the others their choice'
says_error 'HRNet: the worker was killed' 'the log says so at once'
newest=$(ls -dt results/*/ | head -n 1)
sed -i '$d' "$newest/journal.jsonl" # the closing line: as if it had been cut off just before
run "$program" --models hrnet,cbam_resunet --backend $sim --batches 1,2 --output first.json --resume
exits 4 'a resume reads that from the journal'
says 'no batch size was measured: the worker was killed' 'and says it again'
rm -r programs

# --- on pictures of one's own
mkdir own
cp "$pictures/rgb-8.png" "$pictures/gray-16.tif" own
tune --backend $sim --batches 1 --images own
exits 0 'a folder of pictures is taken'
says 'images +2 pictures of own, 19 × 27 px' 'and told'
is "$(json "$(ls -dt results/*/ | head -n 1)record.json" .images)" '2 pictures of own, 19 × 27 px' 'and kept in the record'
rm own/*
cp "$pictures/gray-16-untold.tif" "$pictures/imagej-hyperstack.tif" own
tune --backend $sim --batches 1 --images own
says_error 'gray-16-untold\.tif: its values, 0 to 1023, use less than a sixteenth' 'a dark one is warned of'
says_error 'imagej-hyperstack\.tif: page 1 of 4 is taken; --page N takes another' 'and so are pages'
rm own/gray*
tune --backend $sim --batches 1 --images own --page 4 --white 60000
is "$err" '' 'which may be asked for'
says ' --white 60000' 'and the line that repeats the run has them'
rm -r own

# --- what it leaves
run "$program" --quiet --models hrnet,cbam_resunet --backend sim:tau0_ms=1,alpha_ms=0.1,noise=0 --batches 1,4 --output both.json
run "$program" --quiet --models cbam_resunet --backend sim:tau0_ms=1,alpha_ms=1,noise=0 --batches 1 --output both.json
is "$(json both.json .configurations.hrnet.optimal_batch_size) $(json both.json .configurations.cbam_resunet.optimal_batch_size)" \
    '4 1' "tuning one model keeps the other's entry"
newest=$(ls -dt results/*/ | head -n 1)
for file in record.json report.md report.html log.txt journal.jsonl; do
    [ -s "$newest$file" ]
    ok $? "the run leaves $file"
done
[ -s "plots/$(basename "$newest")/cbam_resunet-overview.png" ]
ok $? 'and pictures'
is "$(grep -c '<figure>' "${newest}report.html")" 5 'which are in the page too'
is "$(grep -c "href=\"$(basename "$newest")/report.html\"" results/index.html)" 1 'the page over all runs links to it'
for format in json csv markdown html; do
    run "$program" --quiet --models hrnet --backend sim:tau0_ms=1,alpha_ms=1,noise=0 --batches 1 --output f.json --format $format
    exits 0 "--format $format is good"
    case $format in
    json) printf '%s\n' "$out" >out.json && is "$(json out.json .kind)" sweep 'the JSON on standard output parses' ;;
    csv) says '^run_id,.*,batch_size,' 'the CSV has a header' ;;
    markdown) says '^# ' 'the Markdown has a title' ;;
    html) says '^<h1>' 'so has the page' && says '^<figure>' 'which shows its pictures' ;;
    esac
    says_error 'verdict: good' 'the verdict goes to standard error then'
done

# --- repeating is safe
mkdir -p "my results"
tune --backend $sim --batches 1,2 --results 'my results' --plots p --format json --profile strict-latency --require-sla --force
exits 0 'a run that is told where to write'
repeat=$(json "$(ls -dt my\ results/*/ | head -n 1)record.json" .command)
for given in ' --output c\.json' " --results 'my results'" ' --plots p' ' --format json' ' --profile strict-latency' \
    ' --p95-sla-ms 50' ' --quiet' ' --require-sla' ' --models hrnet'; do
    like "$repeat" "$given( |\$)" "the line that repeats it has$given"
done
unlike "$repeat" ' --(force|resume|config)' 'and nothing that was for this run alone'
run_shell "$repeat"
exits 0 'it runs'
like "$(printf '%s' "$out" | head -c 1)" '{' 'and prints as before'
is "$(json "$(ls -dt my\ results/*/ | head -n 1)record.json" .command)" "$repeat" 'and repeats itself'

# put_entry WORKLOAD PIXELS: what once was measured.
put_entry() {
    cat >m.json <<END
{ "schema_version": 1, "generated_at": "2026-01-31T12:34:56Z", "run_id": "one", "workload": "$1", "configurations": { "hrnet": {
  "optimal_batch_size": 4, "p95_latency_ms": 44, "meets_sla": true, "image_size": $2, "instances": [ { "device": "cuda:0" } ],
  "points": [ { "batch_size": 4, "p95_ms": 44 } ] } } }
END
}
put_entry production 1024
cp m.json measured.json
runs=$(ls results | wc -l)
run "$program" --models hrnet --backend $sim --batches 1 --output m.json
refuses '^optimize-batch: m\.json: hrnet was measured there in production \(1024 px on cuda:0\), and a simulation at 128 px says less: .*--output, or --force' \
    'a simulation takes no measured entry away'
[ "$(ls results | wc -l)" = "$runs" ] && cmp -s m.json measured.json
ok $? 'nothing is measured for it, nothing written'
run "$program" --models cbam_resunet --backend $sim --batches 1 --output m.json
exits 0 'beside it there is room'
is "$(json m.json .configurations.hrnet.optimal_batch_size) $(json m.json .configurations.hrnet.workload)" '4 production' \
    'and what was measured stays what it was'
cp m.json measured.json
run "$program" --models hrnet --backend $sim --batches 1 --output m.json --force
exits 0 '--force takes its place'
is "$(json m.json .configurations.hrnet.workload)" simulated 'with what it is'
back=$(printf '%s\n' "$err" | sed -n 's/.*back to the one before: //p')
is "$back" 'cp m.json.bak m.json' 'and the way back is told'
eval "$back"
cmp -s m.json measured.json
ok $? 'which is one'
put_entry cpu-demo 128
run "$program" --models hrnet --backend $sim --batches 1 --output m.json
refuses 'hrnet was measured there as a demonstration on the CPU .*and a simulation at 128 px says less' "nor a demonstration's"
put_entry simulated 128
run "$program" --quiet --models hrnet --backend $sim --batches 1 --output m.json
exits 0 'a simulation may take the place of another'

# --- what could not be measured
run "$program" --models hrnet --backend $sim,crash_at=1 --batches 1 --output u.json
exits 4 'a model that cannot be measured at all is inconclusive'
is "$(json u.json .configurations.hrnet.unmeasurable)" true 'its entry says so'
like "$(json u.json .configurations.hrnet.reason)" '^batch 1: ' 'and why'
says 'changed +hrnet: could not be measured' 'which is told'
tune --backend $sim --batches 1
cp c.json kept.json
rm -f c.json.bak
run "$program" --models hrnet --backend $sim,crash_at=1 --batches 1 --output c.json
cmp -s c.json kept.json && [ ! -e c.json.bak ]
ok $? 'what was measured before is kept'
like "$(printf '%s' "$out" | tr -s ' \n' ' ')" 'changed hrnet: could not be measured .* its entry of before is kept' 'with a word'
says_error 'config c\.json stays as it was' 'and the file stays'

# --- several instances
tune --backend $sim --batches 1 --instances 9999
exits 2 'more instances than there can be are refused'
tune --backend $sim --batches 1 --instances 16 --threads 64
exits 2 'and more than the cores do for'
says_error 'instances: 16 of 64 threads need 1024 cores' 'which is said'
if [ "$(nproc)" -ge 2 ]; then
    tune --backend $sim --batches 1 --instances 2 --threads 1
    exits 0 'two instances are measured together'
    is "$(json c.json .configurations.hrnet.instances | grep -o '"cpus":"[0-9]*"' | sort -u | wc -l)" 2 'each has its own core'
    says 'img/s' 'and there is a table'
    # 6 ms a batch of one: two at a time serve twice 166 a second
    is "$(json c.json .configurations.hrnet.throughput_imgs_per_sec | cut -c 1)" 3 'whose throughput is that of both'
fi

# --- trouble on the way
tune --backend $sim,crash_at=8 --batches 1,2,4,8,16
exits 0 'a worker that dies costs its points and not the run'
is "$(point 8 outcome) $(batch)" 'crashed 2' 'the point is marked, another wins'
tune --backend $sim,oom_at=4 --batches 1,2,4,8 --objective throughput
is "$(point 4 outcome) $(point 8 outcome) $(batch)" 'out_of_memory predicted_over_memory 2' \
    'after running out of memory larger sizes are not tried'
tune --backend sim:tau0_ms=1,alpha_ms=1,noise=0,memory_mb=1000,memory_per_image_mb=2000 --batches 1,2,4,16 --objective throughput
is "$(point 16 outcome) $(batch)" 'predicted_over_memory 4' 'a size predicted to break the reserve is not run'

run env PATH=/nonexistent "$program" --quiet --models hrnet --backend sim:tau0_ms=1,alpha_ms=0,noise=0 --batches 1 --output g.json
exits 0 'a missing gnuplot is not fatal'
says_error 'gnuplot' 'but said'
ls plots/*/hrnet-overview.gnuplot >/dev/null
ok $? 'scripts and data are written all the same'

# --- cut off and resumed
rm -rf results
for moment in 0.3 0.7 1.1; do
    "$program" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output r.json >/dev/null 2>&1 &
    pid=$!
    sleep $moment
    kill -KILL $pid
    wait $pid 2>/dev/null
    journal=$(ls -t results/*/journal.jsonl | head -n 1)
    lines=$(wc -l <"$journal")
    cp "$journal" before.jsonl
    run "$program" --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output r.json --resume
    exits 0 "a run killed after $moment s is resumed"
    is "$(ls -d results/*/ | wc -l)" 1 'in its own folder'
    is "$(head -n "$lines" "$journal" | cmp - <(head -n "$lines" before.jsonl) && echo same)" same 'with all that was measured'
    [ "$lines" -lt 2 ] || says_error "going on with .*: [0-9]+ steps" 'and says so'
    rm -rf results r.json
done
"$program" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output r.json >out.txt 2>err.txt &
pid=$!
sleep 0.7
kill -INT $pid
wait $pid
is $? 130 'an interrupt ends with 130'
is "$(tail -n 1 out.txt)" 'verdict: interrupted (130)' 'and says so'
[ -s "$(ls -d results/*/)record.json" ] && [ ! -e r.json ]
ok $? 'with what was measured kept and no config written'
run "$program" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,4 --output r.json --resume
refuses '--resume: the cut-off run .* had batches' 'a resume under other settings is refused'
run "$program" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output r.json --resume
exits 0 'under the same it goes on'

# --- two models: what they cost each other
rm -rf results r.json
pair() { run "$program" --models hrnet,cbam_resunet --backend sim:tau0_ms=4,alpha_ms=0,noise=0,switch_ms=20 --batches 1 --output pair.json "$@"; }
pair
says_error 'HRNet: a run right after one of CBAM-ResUNet takes (1[89]|2[0-9])\.[0-9]+ ms longer' 'what turns cost is measured and told'
is "$(grep -c '"switch_ms": [12][0-9.]*' pair.json)" 2 'and in both entries of the config'
journal=$(ls -t results/*/journal.jsonl | head -n 1)
measured=$(grep -c '"neighbour"' "$journal")
sed -i '$d' "$journal"
sed -i '$d' "$journal"
pair --resume
is "$(grep -c '"switch_ms": [12][0-9.]*' pair.json)" 2 'a run cut off before the last of it is resumed'
is "$(grep -c '"neighbour"' "$journal")" "$measured" 'with what it lacked'
sed -i '/"neighbour"/d; $d' "$journal"
pair --resume
is "$(grep -c '"switch_ms": [12][0-9.]*' pair.json)" 2 'and one of before, which asked nothing of the kind, too'
rm -r results
run "$program" --models hrnet --backend sim:tau0_ms=4,alpha_ms=0,noise=0,switch_ms=20 --batches 1 --output alone.json
is "$(cat results/*/journal.jsonl alone.json | grep -c '"neighbour')" 0 'of a model that is tuned alone nothing more is asked'

# --- interrupted while ways of sharing the cores are compared (of a plan, since a simulation has no cores to share)
if [ "$(nproc)" -ge 2 ]; then
    rm -rf results r.json
    compare() {
        rm -f out.txt
        "$program" --backend plan --image-size 32 --models hrnet,cbam_resunet --batches 1 --precision fp32 --time-budget 10m --output r.json "$@" \
            >out.txt 2>err.txt &
        pid=$!
    }
    # turns MORE: waits until the journal has more turns of the contest than so many; gives the interrupt
    turns() {
        local tries=0
        until [ "$(cat results/*/journal.jsonl 2>/dev/null | grep -c '"kind":"measure".*"contender"')" -gt "$1" ] || [ $((tries += 1)) -gt 600 ]; do
            kill -0 $pid 2>/dev/null || break
            sleep 0.1
        done
        kill -INT $pid
        wait $pid
        status=$?
    }
    compare
    turns 0
    is "$status" 130 'an interrupt during the comparison ends with 130'
    like "$(cat out.txt)" 'cores +1 instance of all threads [0-9.]+ images/s' 'and shows what was measured'
    like "$(cat err.txt)" 'comparing ways to run: round 1 of [57], .*[12] x' 'which round it is is told'
    cp results/*/journal.jsonl before.jsonl
    measured=$(grep -c '"kind":"measure".*"contender"' before.jsonl)
    compare --resume
    turns "$measured"
    is "$(head -n "$(wc -l <before.jsonl)" results/*/journal.jsonl | cmp - before.jsonl && echo same)" same 'a resume keeps its turns'
    [ "$(grep -c '"kind":"measure".*"contender"' results/*/journal.jsonl)" -gt "$measured" ]
    ok $? 'and goes on with the next'
    rm -rf results r.json
fi

# --- in which numbers, of a plan: FP32 and, where the CPU has it, BF16; which is faster is the machine's to say
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then
    taken() {
        rm -rf results
        run "$program" --quiet --backend plan --image-size 32 --models hrnet --batches 1 --instances 1 --threads 1 --time-budget 10m \
            --p95-sla-ms 60000 --min-mask-iou 0.5 --output p.json "$@"
        exits 0 "a plan is tuned ${*:-by default}"
        is "$(json results/*/record.json .models.0.precision)" "$(json p.json .configurations.hrnet.precision)" \
            'the config and the record name one precision'
    }
    taken
    like "$(json p.json .configurations.hrnet.precision)" '^(fp32|bf16)$' 'which is one of two'
    if grep -qw avx512_bf16 /proc/cpuinfo; then
        like "$(json p.json .configurations.hrnet.precision_reason)" \
            '^(FP32 taken: BF16|BF16 taken: FP32) runs at [0-9.]+ of its speed here' 'and says why'
        like "$(json p.json .configurations.hrnet.precisions | grep -o '"precision"' | wc -l)" '^[23]$' 'with how each did'
        like "$(grep -c '"contender":[01]' results/*/journal.jsonl)" '^([2-9]|[1-9][0-9])$' 'the turns are in the journal'
        taken --precision bf16 --no-use-amp
        is "$(json p.json .configurations.hrnet.precision)" bf16 'a precision that is asked for is taken'
        like "$(json p.json .configurations.hrnet.precision_reason)" '^BF16 as asked for: FP32 ' 'and the other is told'
    else
        refuse_precision='AVX512-BF16'
        run "$program" --quiet --backend plan --models hrnet --precision bf16
        refuses "--precision: .*$refuse_precision" 'BF16 on a CPU that has none'
        skip 'this CPU has one precision alone' 8
    fi
    taken --precision fp32
    is "$(json p.json .configurations.hrnet.precision)" fp32 'so is FP32'
    taken --min-mask-iou 0.999
    is "$(json p.json .configurations.hrnet.precision)" fp32 'and where masks of the others do not agree'
    taken --no-use-amp
    is "$(json p.json .configurations.hrnet.precision)" fp32 'which is what is left without AMP'
    unlike "$(json results/*/record.json .models.0.contenders)" bf16 'with nothing to compare but INT8'
    taken --precision int8
    is "$(json p.json .configurations.hrnet.precision)" int8 'INT8 is taken where it is asked for'
    [ -s "$(json p.json .configurations.hrnet.calibration)" ]
    ok $? 'its calibration lies beside the config'
    grep -q '"kind":"calibrate"' results/*/journal.jsonl
    ok $? 'and was made in the run'
    rm -rf results p.json p.hrnet.calibration.json
fi

# --- two at once
"$program" --quiet --models hrnet --backend sim:tau0_ms=20,alpha_ms=5,noise=0 --batches 1,2 --output r.json >/dev/null 2>&1 &
pid=$!
sleep 0.5
run "$program" --quiet --models hrnet --backend $sim --output r.json
like "$err" "process $pid" 'a second run on the same output names the first'
unlike "$status" '^0$' 'and fails'
kill -INT $pid
wait $pid

# --- bad input
cp c.json untouched.json
refuse() {
    local pattern=$1 name=$2
    shift 2
    run "$program" --output c.json "$@"
        refuses "$pattern" "$name"
}
refuse '^optimize-batch: --models: .*unet.*hrnet' 'an unknown model' --models unet --backend sim
refuse '--p95-sla-ms: "0"' 'an SLA of 0' --p95-sla-ms 0
refuse '--p95-sla-ms: "nan"' 'an SLA that is no number' --p95-sla-ms nan
refuse '--memory-reserve-percent: "101"' 'a reserve of 101' --memory-reserve-percent 101
refuse '--batches: "-?[03x]' 'sizes that are none' --batches 0,-3,x
refuse '--backend.*frobnicate' 'an unknown key of the simulated backend' --backend sim:frobnicate=1
refuse '--backend.*tau0_ms: "x" is not a number' 'a malformed value of it' --backend sim:tau0_ms=x
refuse '--image-size.*multiples of 32.*not 100 x 100' 'an image size that a network cannot take' --image-size 100 --backend sim
refuse '--precision: FP16 is a GPU.s: on a CPU' 'FP16 on a CPU' --backend plan --device cpu --precision fp16
refuse '--precision: INT8 is the compiled plan.s' 'INT8 without a plan' --device cpu --path plain --precision int8
refuse '--precision: "double"' 'a precision that is none' --backend sim --precision double
if [ -e /proc/driver/nvidia/version ]; then
    skip 'there is a GPU here' 2
else
    refuse 'no NVIDIA driver' 'a GPU that is not there' --quiet --device cuda:0
    is "$(head -n 1 "$(ls -t results/*/journal.jsonl | head -n 1)" | grep -o '"p95_sla_ms":[0-9]*')" '"p95_sla_ms":100' \
        "which does not get a CPU's profile"
fi
refuse '--device: "gpu"' 'a device that is none' --device gpu
mkdir plates
refuse '--images: plates: no picture in it' 'a folder without pictures' --images plates --backend sim
cp "$pictures/gray-16.tif" plates/1.tif
printf 'II*' >plates/2.tif
refuse '--images: plates/2\.tif: not a PNG, JPEG or TIFF' 'a picture that is none' --images plates --backend sim
refuse 'unknown|no option' 'an unknown flag' --frob
printf '{"p95_sla_mss": 100}' >wrong.json
refuse 'wrong\.json: p95_sla_mss .*p95_sla_ms' 'a config with an unknown key' --config wrong.json --backend sim
printf '{"p95_sla_ms": "100"}' >wrong.json
refuse 'wrong\.json: p95_sla_ms' 'a config with a mistyped value' --config wrong.json --backend sim
refuse '--profile.*cpu-demo' 'a profile that is not there' --profile fast --backend sim
refuse 'absent\.json' 'a config that is not there' --config absent.json --backend sim
BATCHTUNE_SHIM=absent.so refuse 'libtorch' 'a libtorch that is not there' --quiet
is "$(tail -n 1 "$(ls -t results/*/journal.jsonl | head -n 1)")" '{"finished":true}' 'and leaves nothing to resume'
run "$program" --backend sim --output /proc/c.json
refuses '--output: .*/proc/c\.json' 'an output that cannot be written'
printf '{"schema_version": 1, "configurations": {"hrnet": {"optimal_batch_size": "two"}}}' >broken.json
run "$program" --backend sim --output broken.json
refuses 'broken\.json: .*optimal_batch_size' 'a config file that cannot be merged into, before anything is measured'
cmp -s c.json untouched.json
ok $? 'nothing was overwritten by any of these'

run "$program" --help
says 'p95-sla-ms' '--help lists the options'
run "$program" --version
says '^optimize-batch \(batchtune\) [0-9]' '--version says the version'
done_testing
