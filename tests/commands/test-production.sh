#!/usr/bin/env bash
# test-production from its command line, on the simulated backend: verdicts, exit codes, what it leaves, and what it says to
# bad input.
. tests/lib/tap.sh
program=$bin/test-production
backend=sim:tau0_ms=4,alpha_ms=2,noise=0.05
cd_scratch() { cd "$scratch" || exit 1; }
pictures=$PWD/tests/images
case $bin in /*) ;; *) program=$PWD/$program bin=$PWD/$bin ;; esac
cd_scratch
run "$bin/optimize-batch" --quiet --models hrnet,cbam_resunet --backend $backend --batches 1,2,4 --objective throughput \
    --output c.json
exits 0 'there is a config'
is "$(grep -c '"capacity_rps": [0-9]' c.json)" 2 'which says what each model can serve'

# What else runs on this machine is not these tests' business; and a generator may be late by 1 % of the SLA.
run "$program" --quiet --config c.json --tolerate-cores 1024 --p95-sla-ms 1000 --duration 2s --plots plots
exits 0 'a promise that is kept'
says '^HRNet Summary:' 'has a summary of each model'
says '^  Single Request: P95=[0-9.]+ms ✓' 'with a line a scenario'
says '^  Mixed Load: P95=[0-9.]+ms ✓' 'for all models at once too'
says '^verdict: good \(0\)' 'and a verdict'
folder=$(ls -d results/*-test)
like "$(ls "$folder" | tr '\n' ' ')" 'log.txt record.json report.html report.md' 'it leaves record and reports'
is "$(grep -c 'src=\|href="http\|url(http' "$folder/report.html")" 0 'the page needs nothing from elsewhere'
is "$(grep -c "href=\"$(basename "$folder")/report.html\"" results/index.html)" 1 'the page over all runs links to it'
cp results/index.html index.html && rm results/index.*
run "$bin/render-report" results
exits 0 'that page'
cmp results/index.html index.html
ok $? 'can be made again from the records'
run "$bin/render-report" results --plots pictures
refuses 'results is a folder' 'and has one form'
repeat=$(json "$folder/record.json" .command)
is "${repeat#*test-production}" ' --p95-sla-ms 1000 --duration 2s --tolerate-cores 1024 --config c.json --plots plots --quiet' \
    'the line that repeats it has all that was given'
run "$bin/render-report" "$folder/record.json"
exits 0 'the record renders again'
says '^  Sustained Load: P95=' 'to the same summary'
run "$bin/render-report" "$folder/record.json" --format junit
says '<testsuite name="hrnet" tests="[0-9]+" failures="0"' 'and as JUnit XML'
run "$bin/render-report" "$folder/record.json" --format csv
exits 2 'but not as what it is not'

run "$program" --quiet --config c.json --tolerate-cores 1024 --models hrnet --scenarios single --duration 4s --p95-sla-ms 3 --format markdown
exits 3 'a promise that is broken'
says 'broken' 'is called so'
says 'a single image alone takes' 'with its cause'

run "$program" --quiet --config c.json --tolerate-cores 1024 --models hrnet --p95-sla-ms 1000 --scenarios sustained --rate 600 --duration 2s --max-queue-size 5
exits 3 'a service that is swamped'
says 'refused by a full queue' 'loses requests, and says how'

# A backend that fails is no queue's fault: neither setting nor rate is told to help, and the report says who failed and how.
run "$program" --quiet --config c.json --tolerate-cores 1024 --models hrnet --p95-sla-ms 1000 --scenarios sustained --rate 60 --duration 3s \
    --backend "$backend,faults=fail%10" --no-failover --format markdown
exits 3 'a backend that fails breaks the promise'
says '[0-9]+ of [0-9]+ requests got no result: [0-9]+ failed; [0-9]+ runs failed, the last on instance 0 \(simulated\): sim: run [0-9]+ fails as planted; failover is off' \
    'with the instance and its error, and that failover is off'
says 'turn failover on .*log\.txt beside the record' 'and what that would do'
unlike "$out" 'try --|a lower --rate' 'no setting is proposed'
like "$(cat "$(ls -dt results/*-test | head -n 1)/log.txt")" 'a run of [0-9]+ on the production path failed: sim: run [0-9]+ fails' \
    'and the log tells of each'
run "$program" --quiet --config c.json --tolerate-cores 1024 --models hrnet --p95-sla-ms 1000 --scenarios sustained --rate 20 --duration 4s \
    --backend "$backend,faults=stall%3:2000" --format markdown --watchdog-ms 60000
if printf '%s\n' "$out" | grep -q 'the load generator itself sent .* late at P99, more than'; then # a verdict that is right, and another
    skip 'other programs kept the load generator from its times' 4
else
    exits 3 'so does one that stalls'
    says 'the simulation keeps the SLA at these settings' 'for which no setting is proposed'
    says 'runs took 20[0-9][0-9]\.[0-9] ms at P95 where the config says' 'but what is unlike the config'
    unlike "$out" 'try --|a lower --rate' 'nothing else'
fi

# Ten requests prove nothing, however fast they were.
run "$program" --config c.json --tolerate-cores 1024 --models hrnet --scenarios burst --burst-size 1 --duration 1s --p95-sla-ms 1000
exits 4 'a duration too short for a verdict'
says_error 'about 10 requests in 1 s; P95 has a bound from 59 on, after about 6 s' 'is told beforehand'
says '^  Burst Load: P95=[0-9.]+ms \?  not shown, SLA 1000 ms' 'is not called met'
says 'verdict +SLA not shown: the SLA of 1000 ms is shown to hold in 0 of 1 tests, not shown in 1' 'in the closing sentence either'
says '10 requests are too few to bound P95' 'with its cause'
unlike "$err" 'predictions leave out' 'nothing is missing from its prediction'

# A config of before says nothing of what a lane does around a run.
perl -MJSON::PP -0777 -e '
    my $config = decode_json(<STDIN>);
    for (values %{$config->{configurations}}) { delete $_->{prepare_ms_quantiles}; delete $_->{deliver_ms_quantiles}; delete $_->{block_runs} }
    print encode_json($config)' <c.json >before.json
run "$program" --config before.json --tolerate-cores 1024 --models hrnet --scenarios burst --burst-size 1 --duration 1s --p95-sla-ms 1000
exits 4 'with a config of before a test runs as it did'
says_error 'HRNet: predictions leave out preparing pictures and delivering masks and spells of slow runs' 'what its predictions leave out is said'

# Thirty are too few for a bound whatever they took, and so are sixty; of 120 fast ones it is shown.
COLUMNS=200 run "$program" --config c.json --tolerate-cores 1024 --models hrnet --scenarios burst --burst-size 1 --duration 3s --lengthen 4 --p95-sla-ms 1000
exits 0 'a scenario that is not decided goes on until it is'
says_error 'plan: 2 scenarios, about 15 s; one that is not decided then goes on' 'how long it will take is told beforehand'
says_error 'hrnet, Burst Load: not decided after 3 s; goes on for 3 s later' 'that it goes on is told'
says_error 'not decided after 6 s; goes on for 6 s later' 'each time'
like "$(tr -s '\n ' ' ' <<<"$out")" '1 scenario was lengthened to decide' 'and in the report'
folder=$(ls -dt results/*-test | head -n 1)
is "$(json "$folder/record.json" '.scenarios.0.looks')" 3 'the record says how often it was looked at'

# The promise belongs to a model: hrnet, tuned under 25 ms, which it cannot keep, is judged by those although cbam_resunet
# was tuned under 60 into the same config since, which hrnet would keep.
run "$bin/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=30,alpha_ms=2,noise=0 --batches 1 --p95-sla-ms 25 \
    --output own.json
is "$(json own.json .configurations.hrnet.meets_sla)" false 'a promise that tuning could not show'
run "$bin/optimize-batch" --quiet --models cbam_resunet --backend sim:tau0_ms=4,alpha_ms=2,noise=0 --batches 1 --p95-sla-ms 60 \
    --output own.json
is "$(json own.json .settings.p95_sla_ms)" 60 "and another model's, in the same file"
run "$program" --quiet --config own.json --tolerate-cores 1024 --scenarios single --duration 4s
exits 3 'is not kept under load either'
folder=$(ls -dt results/*-test | head -n 1)
is "$(json "$folder/record.json" .models.0.p95_sla_ms) $(json "$folder/record.json" .models.1.p95_sla_ms)" '25 60' \
    'each model is judged by its own'
is "$(json "$folder/record.json" .scenarios.0.parts.0.verdict)" broken 'the one breaks it'
like "$out" 'single image alone takes .* keep 25 ms' 'which is told with its own SLA'

# Other arrivals than at random at an even rate.
run "$program" --quiet --config c.json --tolerate-cores 1024 --p95-sla-ms 1000 --scenarios single,sustained,mixed --rate 30 --duration 5s \
    --arrivals gamma --burstiness 1.5
like "$status" '^[04]$' 'bursty arrivals are sent'
says 'arrivals +bursty arrivals \(burstiness 1\.5\)' 'and told'
folder=$(ls -dt results/*-test | head -n 1)
is "$(json "$folder/record.json" .scenarios.0.shape) $(json "$folder/record.json" .scenarios.3.shape)" 'closed gamma' \
    'in place of random ones alone'
is "$(json "$folder/record.json" .scenarios.3.burstiness)" 1.5 'and kept in the record'
like "$(json "$folder/record.json" .scenarios.3.parts.0.predicted_p95_ms)" '^[0-9.]+$' 'with their prediction'
run "$program" --quiet --config c.json --tolerate-cores 1024 --models hrnet --p95-sla-ms 1000 --scenarios sustained --rate 60 --duration 4s \
    --arrivals ramp --ramp-from 0.5 --format markdown
like "$status" '^[04]$' 'so is a ramp'
says 'load.*: 60\.0 requests/s, random arrivals that grow from 50 % of the rate to all of it' 'with its end and its beginning'
run "$program" --quiet --config c.json --arrivals gamma --burstiness 11
refuses '--burstiness: "11" is above 10' 'what is no burstiness'
run "$program" --quiet --config c.json --burstiness 2
refuses '--burstiness is for --arrivals gamma' 'a burstiness of other arrivals'
run "$program" --quiet --config c.json --arrivals ramp --ramp-from 2
refuses '--ramp-from: "2" is above 1' 'a ramp that falls'

# The highest rate that keeps the promise, found live: short runs, whose verdict depends on the machine.
run "$program" --quiet --config c.json --tolerate-cores 1024 --models hrnet --p95-sla-ms 60 --scenarios capacity --duration 1s
like "$status" '^[034]$' 'a capacity is searched for'
says '^  Capacity: ' 'is told first'
says '^run +asked/s' 'and run by run'
folder=$(ls -dt results/*-test | head -n 1)
like "$(json "$folder/record.json" .scenarios.0.parts.0.capacity.predicted_rps)" '^[0-9.]+$' 'beside what was predicted'
runs=$(grep -c '"purpose":' "$folder/record.json")
ok "$((runs < 1 || runs > 12))" 'in twelve runs at most'
run "$bin/render-report" "$folder/record.json"
says '^  Capacity: ' 'the record renders to the same'
run "$program" --quiet --config c.json --scenarios capacity --arrivals ramp
refuses 'a capacity is of an even rate' 'a capacity of a ramp'

mkdir plates
cp "$pictures/rgb-8.png" "$pictures/gray-16.tif" "$pictures/turned-6.jpg" plates
run "$program" --quiet --config c.json --models hrnet --scenarios single --duration 1s --images plates
like "$status" '^[04]$' 'pictures of a folder are sent' # 4: the machine was disturbed
says 'images +pictures of plates, 3, each in its own size' 'are told'
folder=$(ls -dt results/*-test | head -n 1)
is "$(json "$folder/record.json" .images)" 'pictures of plates, 3, each in its own size' 'and kept in the record'
like "$(cat "$folder/report.md")" 'pictures of plates' 'and in the report'
run "$program" --quiet --config c.json --models hrnet --scenarios single --duration 1s --images plates --image-sizes 20:2,30
like "$status" '^[04]$' 'and in other sizes than their own'
says 'images +pictures of plates, 20:2,30 px' 'are told with those'
mkdir own
cp "$pictures/gray-16-untold.tif" "$pictures/rgb-8-pages.tif" own
run "$program" --quiet --config c.json --models hrnet --scenarios single --duration 1s --images own --image-sizes 20:2,30
is "$(printf '%s\n' "$err" | grep -c 'gray-16-untold\.tif: its values, 0 to 1023, use less than a sixteenth')" 1 \
    'a dark picture is warned of once'
is "$(printf '%s\n' "$err" | grep -c 'page 1 of 2 is taken')" 1 'and so are pages'
like "$(cat "$(ls -dt results/*-test | head -n 1)/log.txt")" 'warning own/rgb-8-pages\.tif: page 1 of 2' 'which the log keeps'
run "$program" --quiet --config c.json --images own --white 4095
refuses '--images: own/rgb-8-pages\.tif: --white 4095 is beyond its values' 'a white that cannot be'
run "$program" --quiet --config c.json --images own --page 2
refuses '--images: own/gray-16-untold\.tif: it has 1 page in full resolution, and no page 2' 'a page that is not there'
rm own/gray-16-untold.tif
run "$program" --quiet --config c.json --models hrnet --scenarios single --duration 1s --images own --page 2 --white 250
is "$(cat results/*-test*/record.json | grep -c "\"page\": 2,")" 1 'those that are go into the record'
is "$(printf '%s\n' "$err" | grep -c 'page')" 0 'and nothing is said of them'
mkdir empty
run "$program" --quiet --config c.json --images empty
refuses '--images: empty: no picture in it' 'a folder without pictures'
run "$program" --quiet --config c.json --images absent
refuses '--images: absent: No such file' 'a folder that is not there'
cp "$pictures/cmyk.jpg" plates
run "$program" --quiet --config c.json --images plates
refuses '--images: plates/cmyk\.jpg: .*CMYK' 'a picture that is not read'

cat >none.json <<END
{ "schema_version": 1, "configurations": { "hrnet": { "optimal_batch_size": 1, "unmeasurable": true, "reason": "batch 1: the worker died" } } }
END
run "$program" --quiet --config none.json
refuses 'hrnet could not be measured: batch 1: the worker died, so it is not served: tune it again' \
    'a model that could not be measured'
run "$program" --config absent.json
exits 2 'no config'
says_error '.optimize-batch. makes one' 'says how to make one'
runs=$(ls results | wc -l)
run "$program" --config c.json --scenarios stress
exits 2 'an unknown scenario'
says_error 'single, burst, sustained, mixed, soak, capacity' 'names the known'
run "$program" --config c.json --models resnet
exits 2 'an unknown model'
says_error 'hrnet, cbam_resunet' 'names those of the config'
is "$(ls results | wc -l)" "$runs" 'neither leaves a folder behind'
unlike "$err" 'starting the service' 'or loads anything first'
run "$program" --config c.json --rate fast --quiet
exits 2 'a rate that is none'
run "$program" --config c.json --instances 99x1 --quiet
exits 2 'more cores than there are'
says_error 'cores' 'says so'
done_testing
