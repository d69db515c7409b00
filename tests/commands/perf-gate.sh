#!/usr/bin/env bash
# perf-gate from its command line: verdicts, exit codes, forms, and what it says to bad input. How it decides is tested in
# tests/unit/gate-*.c, make perf-gate from end to end by tests/gate-selftest repository.
. tests/lib/tap.sh
gate=$bin/perf-gate

# put_record FILE FACTOR [CPU]: 30 turns of two metrics, the first of which takes FACTOR times as long.
put_record() {
    perl -e '
        my ($factor, $cpu) = @ARGV;
        my $turns = sub { my $unit = shift; join ",", map { sprintf "[%.4f,%.4f]", $unit * (1 + ($_ * 7 % 5) / 500), $unit * 1.01 } 1 .. 30 };
        printf qq({ "schema_version": 1, "kind": "gate", "started_at": "2026-01-31T12:00:00Z", "command": "", "settings": "x",
          "machine": { "fingerprint": "", "cpu": "%s", "cores": 2, "memory_bytes": 0, "clock_policy": "", "gpu": "", "gpu_memory_bytes": 0 },
          "subject": { "tool_version": "", "revision": "", "runtime": "torch %s", "runtime_detail": "", "gpu_driver": "" },
          "promises": [], "metrics": [
            { "metric": "hrnet/batch-4", "unit": "ms", "work": "128 px", "quantile": 0.5, "turns": [%s] },
            { "metric": "core/batcher", "unit": "ns", "work": "w", "quantile": 0.5, "turns": [%s] } ] }\n),
            $cpu, $factor, $turns->(50 * $factor), $turns->(100)' "$2" "${3:-made up}" >"$scratch/$1"
}

put_record base.json 1
put_record same.json 1.01
put_record slower.json 1.2
put_record faster.json 0.8
put_record elsewhere.json 1 'another CPU'
# says_wrapped PATTERN NAME: says, wherever the lines were broken.
says_wrapped() { like "$(printf '%s' "$out" | tr -s ' \n' ' ')" "$1" "$2"; }
compare() { run "$gate" compare "$scratch/base.json" "$scratch/$1" "${@:2}"; }

compare same.json
exits 0 'what differs within the tolerance is the same'
is "$(printf '%s\n' "$out" | tail -n 1)" 'verdict: same (0)' 'the last line is the verdict'
says 'torch 1, here torch 1\.01' 'what the change is about is told'
says_wrapped 'profile stored' 'records that were not taken together have their own profile'
compare slower.json
exits 3 'slower is 3'
says '^hrnet/batch-4 .* \+20\.0 % .*slower' 'the metric is named, with its change'
says '^core/batcher .*same' 'and the other is not accused'
says '^verdict: slower \(3\)' 'the verdict is called so'
compare faster.json
exits 0 'faster is 0'
says '^verdict: faster \(0\)' 'and told'
compare elsewhere.json
exits 4 'unlike machines are 4'
says '^verdict: incomparable \(4\)' 'incomparable, never slower'
says 'CPU: made up, here another CPU' 'and told how they differ'
compare elsewhere.json --on-inconclusive pass
exits 0 'or as the policy says'
compare slower.json --on-inconclusive pass
exits 3 'which lets no slowdown pass'

printf '%s\n' "$(sed 's/"metrics": \[/"metrics": [], "_was": [/' "$scratch/base.json")" >"$scratch/empty.json"
run "$gate" compare "$scratch/empty.json" "$scratch/empty.json" --on-inconclusive pass
exits 4 'a record of nothing never passes'
says 'nothing was measured' 'and says why'
compare empty.json
exits 4 'metrics that are gone are 4'
run "$gate" compare "$scratch/base.json" "$scratch/absent.json"
refuses 'absent\.json' 'a missing file is named'
printf '{ "kind": "gate"' >"$scratch/broken.json"
compare broken.json
refuses 'broken\.json: line 1' 'broken JSON is told by its line'
compare same.json --rules "$scratch/no-rules.json"
refuses 'no-rules\.json' 'rules that were asked for must be there'
compare same.json --profile noisy
refuses 'noisy.*shared' 'an unknown profile names the known'
run "$gate" compare "$scratch/base.json"
refuses 'missing' 'two records are wanted'
run "$gate" compar a b
refuses 'did you mean compare' 'a misspelt command is told'
run "$gate"
refuses 'record, compare, run, show' 'so are the commands where none is given'

# A slowdown that is declared, and one beyond its declaration.
declare_it() {
    cat >"$scratch/rules.json" <<END
{ "schema_version": 1, "error_percent": 5, "metrics": [], "profiles": {},
  "declared": [ { "metric": "hrnet/*", "up_to_percent": $1, "reason": "checks every mask" } ] }
END
}
declare_it 25
compare slower.json --rules "$scratch/rules.json"
exits 0 'a declared slowdown passes'
says_wrapped 'declared: up to 25 %: checks every' 'and is reported with its reason'
declare_it 10
compare slower.json --rules "$scratch/rules.json"
exits 3 'one beyond its declaration does not'
says_wrapped 'slower: beyond the declared 10 %' 'and that is said'

compare slower.json --format junit --output "$scratch/gate.xml" --verdict "$scratch/verdict.json"
exits 3 'the exit code is the verdict whatever the form'
run_shell "perl -MXML::Parser -e 1 2>/dev/null && perl -MXML::Parser -e 'XML::Parser->new->parsefile(shift)' $scratch/gate.xml || python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' $scratch/gate.xml"
exits 0 'JUnit is well-formed XML'
like "$(cat "$scratch/gate.xml")" 'tests="2" failures="1" errors="0"' 'and counts the failure'
is "$(json "$scratch/verdict.json" .verdict)" slower 'the verdict is kept as JSON'
run "$gate" show "$scratch/verdict.json" --format markdown
exits 3 'a kept verdict is told again, with its exit code'
says '^\*\*slower: ' 'as Markdown'
is "$err" 'verdict: slower (3)' 'the last line then stands on standard error'
run "$gate" show "$scratch/base.json"
refuses "a gate's measurement.*perf-gate compare takes it" 'another record is none, and who takes it is said'
run "$bin/render-report" "$scratch/verdict.json"
refuses "a gate's verdict.*perf-gate show tells it" 'likewise by render-report'
run "$bin/render-report" results/example/record.json --format junit
exits 2 'bad input'
says_error 'junit is no form of a tuning run; its forms are table, json, csv, markdown and html' 'a form that a record lacks names those it has'
run "$bin/render-report" results/example/load-record.json --format csv
exits 2 'bad input'
says_error 'csv is no form of a load test; its forms are table, json, markdown, junit and html' 'of a load test too'
for record in record:csv load-record:junit record:html load-record:html; do
    run "$bin/render-report" "results/example/${record%:*}.json" --format "${record#*:}"
    exits 0 "${record#*:} is a form of results/example/${record%:*}.json"
done

run "$gate" record --output "$scratch/as it is now.json" --quiet --turns 5 --samples 2 --image-size 32 --batches 1,2 --models hrnet \
    --backend sim:tau0_ms=0.2,alpha_ms=0.1,noise=0
exits 0 'a record is made'
says 'now\.json: [0-9]+ metrics, 5 turns$' 'and it is said what it holds'
mv "$scratch/as it is now.json" "$scratch/now.json"
is "$(eval "set -- $(json "$scratch/now.json" .command)" && printf '%s' "$4")" "$scratch/as it is now.json" 'the line that repeats it is one for a shell'
like "$(json "$scratch/now.json" .metrics)" '"hrnet/batch-2"' 'with the networks'
like "$(json "$scratch/now.json" .metrics)" '"core/histogram"' "and batchtune's own code"
is "$(json "$scratch/now.json" .metrics.0.turns | tr -cd '[' | wc -c)" 6 'a turn at a time'
run "$gate" compare "$scratch/now.json" "$scratch/now.json" --on-inconclusive pass
exits 0 'which can be compared'
quick="--turns 40 --samples 1 --image-size 32 --batches 1 --models hrnet --no-core --backend sim:tau0_ms=1,alpha_ms=1"
run "$gate" record --output "$scratch/brief.json" $quick --time-budget 1ms
exits 0 'a time budget ends a record sooner'
says_error '40 turns, each a fresh process' 'of what is said before'
says_error 'a turn takes [0-9.]+ s: 1 turn in about 1 s, which is what the time budget holds' 'and after the first turn'
is "$(json "$scratch/brief.json" .partial)" 'the time budget held 1 of 40 turns' 'the record says that it is short'
run "$gate" compare "$scratch/now.json" "$scratch/brief.json"
exits 4 'and what is compared with it is not sure'
says 'now: the time budget held 1 of 40 turns' 'and why'

# Ctrl-C keeps the turns that were whole, and what was there.
"$gate" record --output "$scratch/brief.json" $quick --turns 10000 >"$scratch/said" 2>"$scratch/told" &
recorder=$!
while kill -0 $recorder 2>/dev/null && ! grep -q 'turn takes' "$scratch/told"; do sleep 0.05; done
kill -INT $recorder
wait $recorder
is $? 130 'an interrupted record is 130'
like "$(cat "$scratch/said")" 'brief\.json: 1 metric, [0-9]+ turns?: interrupted after [0-9]+ of 10000 turns; the record that was there has \.bak' 'it says what it keeps'
like "$(json "$scratch/brief.json" .partial)" '^interrupted after [0-9]+ of 10000 turns' 'the record says so too'
is "$(json "$scratch/brief.json.bak" .partial)" 'the time budget held 1 of 40 turns' 'and what was there is still there'
run "$gate" compare "$scratch/now.json" "$scratch/brief.json" --on-inconclusive pass
says '^hrnet/batch-1 ' 'it can be compared for what it has'
# A refusal says what to do.
run "$gate" record --output "$scratch/x.json" --quiet --turns 5 --backend plan:fast
refuses 'plan takes no keys: give plan alone' 'keys where there are none'
sed 's/"schema_version": 1/"schema_version": 99/' "$scratch/base.json" >"$scratch/newer.json"
run "$gate" compare "$scratch/newer.json" "$scratch/base.json"
refuses 'newer batchtune .*: update this one' 'a file of a newer version'
run "$gate" record --turns 5
refuses '--output' 'a record goes to a file'
run "$gate" record --output "$scratch/x.json" --quiet --turns 5 --backend nonsense
refuses 'unknown backend' 'a backend that is none is bad input'
[ ! -e "$scratch/x.json" ]
ok $? 'and leaves no file'

run "$gate" run --base "$bin/gate-probe" --head "$bin/gate-probe"
exits 0 'a program is the same as itself at once'
says 'identical' 'and that is said'
run "$gate" run --base "$scratch/none" --head "$bin/gate-probe"
refuses 'none' 'a program that is not there is named'
for command in record compare run show; do
    run "$gate" $command --help
    exits 0 "$command has help"
    says "^Usage: perf-gate $command" 'with its usage'
done
says '^ +4 +incomparable' 'and exit codes'
run "$gate" --help
says '^  compare +Compares' 'the overview lists the commands'
run_shell "$gate compare $scratch/base.json $scratch/same.json >/dev/full"
exits 1 'a full disk is no success'
done_testing
