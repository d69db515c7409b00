#!/usr/bin/env bash
# test-production against servers on the network: this project's own, on the simulated backend; what the record and the
# report say of them, and what is said where one is not there.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
program=$bin/test-production
plain=$PWD/tests/python/plain_server.py
python3=/usr/bin/python3
[ -x $python3 ] || python3=python3
sim=sim:tau0_ms=4,alpha_ms=2,noise=0.05
cd "$scratch" || exit 1
run "$bin/optimize-batch" --quiet --backend $sim --models hrnet,cbam_resunet --image-size 64 --batches 1,2,4 --output c.json
exits 0 'there is a config'
serve first --config c.json
ok $? 'there is a server'
first=$url
serve second --config c.json
ok $? 'and another'
second=$url
# What else runs on this machine is not these tests' business; and a generator may be late by 1 % of the SLA.
test_servers() { COLUMNS=240 run "$program" --quiet --tolerate-cores 1024 --p95-sla-ms 60000 "$@"; }
latest() { ls -dt results/*-test | head -n 1; }

test_servers --endpoint "$first" --duration 2s --scenarios single,burst,sustained,mixed --rate 60 --burst-size 8
exits 0 'a promise that a server keeps'
says '^hrnet Summary:' 'every model of the server is tested, without a config'
says '^cbam_resunet Summary:' 'each of them'
says '^  Mixed Load: P95=[0-9.]+ms ✓' 'in every scenario'
says "^server +batchtune [0-9.]+ at $first" 'who was tested is told'
says '^mean ms at the server +requests +failed +queue' 'with what it counted itself'
says "what else ran on a server's own machine is not known" 'and what is not known'
unlike "$out" 'of those that were measured|was measured on another machine' 'nothing is said of a config that was not read'
record=$(latest)/record.json
is "$(json "$record" .endpoints.0.url) $(json "$record" .endpoints.0.name)" "$first batchtune" 'the record names the server'
is "$(json "$record" .scenarios.0.parts.0.server.requests)" "$(json "$record" .scenarios.0.parts.0.sent)" \
    'which counted as many requests as were sent'
is "$(json "$record" .workload) $(json "$record" .config_path)" 'endpoint ' 'and that it was no service of its own'
like "$(json "$record" .scenarios.1.parts.0.mean_batch_size)" '^[1-4](\.[0-9]+)?$' 'answers tell how they were batched'
run "$bin/render-report" "$record"
says "^server +batchtune [0-9.]+ at $first" 'the record renders again'
like "$(cat "$(latest)/report.md")" "server.*batchtune.* at $first" 'so does the report'

test_servers --endpoint "$first,$second" --models hrnet --duration 2s --scenarios sustained --rate 40 --config c.json
exits 0 'several servers share the load'
says "^server +batchtune [0-9.]+ at $first; batchtune [0-9.]+ at $second; each request went to the one with the fewest under" \
    'which is told'
record=$(latest)/record.json
like "$(json "$record" .scenarios.0.parts.0.predicted_p95_ms)" '^[0-9.]+$' 'with a config there is a prediction'
is "$(json "$record" .models.0.instances)" 2 'of as many instances as the servers have'

test_servers --endpoint "$first" --models hrnet --scenarios capacity --duration 1s
like "$status" '^[034]$' 'a capacity is searched for'
says '^run +asked/s' 'run by run'
says '^Capacity +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ ' 'with what the server counted itself'
like "$(json "$(latest)/record.json" .scenarios.0.parts.0.server.runs)" '^[1-9]' 'in the record, too'

# --- servers that tell less: what they do not tell is left out, and is no 0
"$python3" "$plain" >plain.out 2>plain.err &
adopt plain
test_servers --endpoint "$url" --models hrnet --duration 1s --scenarios single --p95-sla-ms 60000
exits 0 'a server that tells nothing of itself'
unlike "$out" 'mean ms at the server' 'has no account of its own'
says '^Single Request +[0-9.]+ +– +– +– .* –$' 'and what answers do not say is not known'
record=$(latest)/record.json
is "$(json "$record" .scenarios.0.parts.0.server)" null 'in the record, too'
is "$(json "$record" .scenarios.0.parts.0.fallback)" null 'nor whether it was served by another path'
run "$bin/render-report" "$(latest)/record.json"
says '^Single Request +[0-9.]+ +– +– +– .* –$' 'which renders again'
"$python3" "$plain" '{"model_stats": [{"inference_stats": {"success": {"count": COUNT}, "queue": {"ns": 0}}}]}' >partly.out 2>partly.err &
adopt partly
test_servers --endpoint "$url" --models hrnet --duration 1s --scenarios single --p95-sla-ms 60000
exits 0 'a server that tells some of it'
says '^Single Request +[0-9]+ +– +0\.000 +– +– +– +– +[0-9.]+ +–$' 'has an account of that'
like "$(json "$(latest)/record.json" .scenarios.0.parts.0.server)" '"failed": ?null.*"queue_mean_ms": ?0' 'and so has the record'

serve small --config c.json --models hrnet --max-queue-size 3 --backend sim:tau0_ms=60,alpha_ms=0
test_servers --endpoint "$url" --scenarios sustained --rate 200 --duration 1s
exits 3 'a server that is swamped'
says '[0-9]+ refused by a full queue' 'refuses requests, which is told as such'
says 'remedy +a lower --rate, or a longer queue or more instances at the server' 'with what would help'
unlike "$out" 'try --|--max-queue-size' 'and without settings that are not ours'
serve failing --config c.json --models hrnet --backend $sim,faults=fail%5 --no-failover
test_servers --endpoint "$url" --scenarios sustained --rate 40 --duration 1s
exits 3 'a server that fails'
says '[0-9]+ answered with an error, the last: http://.*: HTTP 500: ' 'is told with its last words'

# What cannot be tested is told in one line, before anything is sent.
test_servers --endpoint "$first" --models resnet
refuses "$first has no model \"resnet\"; it has hrnet, cbam_resunet" 'a model that there is not'
test_servers --endpoint http://127.0.0.1:1
refuses 'http://127\.0\.0\.1:1/v2/health/ready: ' 'a server that is not there'
test_servers --endpoint localhost:8000
refuses '"localhost:8000" is no address such as http://host:8000' 'an address that is none'
test_servers --endpoint "$first" --batch-size 2
refuses "batch_size is the server's own setting" 'a setting that is not ours'
test_servers --endpoint "$first" --config absent.json
refuses 'absent\.json: there is no config' 'a config that is not there'
done_testing
