#!/usr/bin/env bash
# show-batch-config at its edges: what is printed where, exit codes, and what is said of a file that is absent or broken.
# What the words mean is tested in tests/unit/report-config.c.
. tests/lib/tap.sh
show=$bin/show-batch-config
config=$scratch/config.json

# A config of one model, hrnet, whose entry and whole text can be put in place of the usual.
put_config() {
    cat >"$config" <<END
{ "schema_version": 1, "generated_at": "$(date -u +%Y-%m-%dT%H:%M:%SZ)", "tool_version": "0.1.0", "run_id": "one",
  "workload": "cpu-demo",
  "configurations": { "hrnet": ${1:-"{ \"optimal_batch_size\": 4, \"p95_latency_ms\": 44, \"meets_sla\": true,
     \"image_size\": 128, \"points\": [ { \"batch_size\": 4, \"p95_ms\": 44 } ] }"} } }
END
}

put_config
run "$show" --config "$config"
exits 0 'a config is shown'
is "$err" '' 'and nothing is said on standard error'
is "$(printf '%s\n' "$out" | tail -n 1)" 'verdict: good (0)' 'the last line is the verdict'
like "$(printf '%s\n' "$out" | head -n 1)" '^CPU demonstration profile' 'a demonstration is called one at the start'
says '^tuned +today' 'its age is told'
says '^hrnet +4 +44\.0' 'the batch size and its P95 are told'

run "$show" --config "$config" --verify
exits 0 'weights can be verified'
says 'nothing to compare' 'and where there is no file, it is said'

run "$show" --config "$config" --format json
exits 0 'JSON is another form'
is "$err" 'verdict: good (0)' 'the verdict is on standard error then'
printf '%s\n' "$out" >"$scratch/shown.json"
is "$(json "$scratch/shown.json" config.configurations.hrnet.optimal_batch_size)" 4 'the document is in it'
is "$(json "$scratch/shown.json" check.age_days)" 0 'and so is the check'

put_config '{ "optimal_batch_size": 6, "p95_latency_ms": 44, "points": [ { "batch_size": 4, "p95_ms": 44 } ] }'
run "$show" --config "$config"
exits 0 'a batch size set by hand is no fault'
says 'unmeasured' 'it is marked unmeasured'

put_config '{ "optimal_batch_size": 1, "meets_sla": false, "unmeasurable": true, "reason": "batch 1: the worker died" }'
run "$show" --config "$config"
exits 0 'a model that could not be measured is shown'
says '^hrnet .*✗ could not be measured' 'as one'
says '^unmeasured +batch 1: the worker died' 'with the reason'
put_config '{ "optimal_batch_size": 4, "p95_latency_ms": 44, "meets_sla": false, "p95_sla_ms": 50, "provisional": true,
    "reason": "40 samples do not prove it", "settings": { "p95_sla_ms": 50 }, "points": [ { "batch_size": 4, "p95_ms": 44, "outcome": "undecided" } ] }'
run "$show" --config "$config"
exits 0 'so is a batch size that was not shown'
says '^hrnet .*\? 50 ms, provisional' 'as provisional'
says '^provisional +40 samples do not prove it' 'with the reason'
says "^own settings +p95_sla_ms 50 \\(the file's 100\\)" "and what holds for it alone"

run "$show" --config "$scratch/absent.json"
refuses 'absent\.json: there is no such file; `make optimize-batch` makes one' 'an absent file is told, with the remedy'
put_config '{ "optimal_batch_sise": 4 }'
run "$show" --config "$config"
refuses 'config\.json: configurations\.hrnet: unknown key "optimal_batch_sise"; did you mean "optimal_batch_size"\?' \
    'a misspelt key is named'
put_config '{ "optimal_batch_size": "four" }'
run "$show" --config "$config"
refuses 'configurations\.hrnet: optimal_batch_size is text' 'a value of the wrong type is named'
put_config '{ "optimal_batch_size": 4 '
run "$show" --config "$config"
refuses 'config\.json: line [0-9]+' 'broken JSON is told by its line'
printf '\0\1\2' >"$config"
run "$show" --config "$config"
refuses 'config\.json' 'a file of something else is refused'
run "$show" --config "$scratch"
refuses "$scratch" 'a folder is refused'

run "$show" --formt json
refuses '--formt' 'an unknown flag is named'
run "$show" --format yaml
refuses 'yaml' 'an unknown format is named'
run "$show" stray
exits 2 'a stray word is refused'

run "$show" --help
exits 0 'there is help'
says '^Usage: show-batch-config' 'with usage'
says '\-\-verify' 'the flags'
says '^ +2 +bad-input' 'and the exit codes'
run "$show" --version
says '^show-batch-config .*[0-9]+\.[0-9]+' 'it tells its version'

put_config
run_shell "$show --config $config >/dev/full"
exits 1 'a full disk is no success'
run_shell "ldd $show"
unlike "$out" 'torch|cuda' 'no runtime is linked'
done_testing
