#!/usr/bin/env bash
# explain-batching at its edges: what it takes, what it prints where, exit codes, and what is said of what it cannot explain.
# What the verdicts mean is tested in tests/unit/explain-batching.c.
. tests/lib/tap.sh
explain=$bin/explain-batching
case $explain in /*) ;; *) explain=$PWD/$explain ;; esac
sweep=$PWD/results/example/record.json
load=$PWD/results/example/load-record.json
cd "$scratch" || exit 1

# A config of one model whose run costs 10 ms and 1 ms an image.
mkdir configs
cat >configs/production_batch_config.json <<'CONFIG'
{ "schema_version": 1, "configurations": { "hrnet": { "optimal_batch_size": 4, "image_size": 128,
    "settings": { "p95_sla_ms": 100, "max_queue_delay_ms": 5 }, "points": [
      { "batch_size": 1, "p50_ms": 11, "outcome": "measured", "service_ms_quantiles": [11, 11] },
      { "batch_size": 2, "p50_ms": 12, "outcome": "measured", "service_ms_quantiles": [12, 12] },
      { "batch_size": 4, "p50_ms": 14, "outcome": "measured", "service_ms_quantiles": [14, 14] } ] } } }
CONFIG
config=configs/production_batch_config.json

run "$explain"
exits 0 'the usual config is explained where no file is named'
is "$err" '' 'and nothing is said on standard error'
is "$(printf '%s\n' "$out" | tail -n 1)" 'verdict: good (0)' 'the last line is the verdict'
says '^verdict +batching pays: × [0-9.]+ requests/s under the SLA' 'batching is said to pay'
says '^s\(b\) +10\.00 ms \+ 1\.00 ms an image: 91 % of a run of one image is fixed' 'with what a run costs'
says '^launch +10\.0 +[0-9]+ % +■+' 'the parts are told'
says '^as it is +[0-9.]+ +[0-9.]+$' 'and what would change it'
run "$explain" $config --rate 40
says '^a request at 40 requests/s, predicted' 'the rate may be given'
run_shell "COLUMNS=60 $explain"
is "$(printf '%s\n' "$out" | awk 'length($0) > 60' | grep -v '[^ -~]')" '' 'a narrow terminal is enough'

run "$explain" --format json
exits 0 'JSON is another form'
is "$err" 'verdict: good (0)' 'the verdict is on standard error then'
printf '%s\n' "$out" >explained.json
is "$(json explained.json kind)" explanation 'the document says what it is'
is "$(json explained.json models.0.verdict)/$(json explained.json models.0.cause)" pays/launch 'verdict and cause have names'
run "$explain" --format markdown
exits 0 'Markdown is another'
says '^- \*\*verdict\*\*: batching pays|^- verdict: batching pays' 'which says the same'

run "$explain" "$sweep" --models hrnet
exits 0 "a tuning run's record is explained"
says '^saturated +from batch' 'by its service times'
unlike "$out" '^cbam_resunet' 'the models that were asked for alone'
run "$explain" "$load"
exits 0 "a load test's record is explained"
says '^Sustained Load +most of the latency is' 'scenario by scenario'
cat >page.txt <<'PAGE'
# HELP batchtune_queue_seconds Wait.
batchtune_batch_size_limit{model="hrnet"} 8
batchtune_batch_size_mean{model="hrnet"} 1.1
batchtune_utilisation_ratio{model="hrnet"} 0.3
batchtune_latency_seconds_sum{model="hrnet"} 6
batchtune_latency_seconds_count{model="hrnet"} 100
batchtune_queue_seconds{model="hrnet",quantile="0.95"} 0.08
batchtune_queue_seconds_sum{model="hrnet"} 4
batchtune_queue_seconds_count{model="hrnet"} 100
PAGE
run_shell "$explain - <page.txt"
exits 0 "a service's metrics are explained, from standard input"
says '^queue +40\.0 +80\.0 +67 %' 'with mean and P95 of each part'
says 'idle meanwhile: a shorter queue delay' 'and what that means'
run_shell "cat page.txt | $explain -"
exits 0 'through a pipe as well'

run "$explain" absent.json
refuses 'absent\.json: there is no such file; `make optimize-batch` makes a config' 'an absent file is told, with the remedy'
echo '{ "kind": "gate" }' >other.json
run "$explain" other.json
refuses 'other\.json: is nothing that can be explained: that is a config' 'a document of another kind is refused by what is taken'
echo '{ "configurations": { ' >broken.json
run "$explain" broken.json
refuses 'broken\.json: line [0-9]+' 'broken JSON is told by its line'
printf 'batchtune_ok{model="a"} 1\n!\n' >broken.txt
run "$explain" broken.txt
refuses 'broken\.txt: line 2: is no sample' 'and a broken page likewise'
printf '\0\1\2' >binary
run "$explain" binary
refuses 'binary: is nothing that can be explained' 'a file of something else is refused'
run_shell "$explain - </dev/null"
exits 2 'so is an empty standard input'
run "$explain" .
refuses '\.: is a folder' 'a folder is refused'
run "$explain" --models unet
refuses '--models: .* has no "unet"; it has hrnet' 'a model that is not there is refused by those that are'
run "$explain" "$load" --rate 5
refuses '--rate: .* was measured at its own rate' 'a rate is for what is predicted'
run "$explain" --rate 0
refuses '--rate' 'a rate of nothing is refused'
run "$explain" --rate 1e-9
refuses '--rate' 'so is one of centuries'
run "$explain" --formt json
refuses '--formt' 'an unknown flag is named'
run "$explain" a b
exits 2 'a second file is refused'

run "$explain" --help
exits 0 'there is help'
says '^Usage: explain-batching \[options\] \[FILE\]' 'with usage'
says 'explain-batching -$|explain-batching - ' 'and examples'
says '^ +2 +bad-input' 'and the exit codes'
run_shell "ldd $explain"
unlike "$out" 'torch|cuda' 'no runtime is linked'
done_testing
