#!/usr/bin/env bash
# --instances auto: models on several devices of one host, placed by what they are predicted to hold together.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
command -v curl >/dev/null || skip_all 'there is no curl'
cd "$scratch" || exit 1

# Two models of which one takes ten times as long; no two fit on one device.
tune() { "$bin/optimize-batch" --quiet --image-size 64 --batches 1,2,4 --seed 1 --output c.json --models "$1" --backend "$2" >/dev/null 2>&1; }
tune hrnet sim:tau0_ms=2,alpha_ms=1,noise=0.02,memory_mb=8000
tune cbam_resunet sim:tau0_ms=20,alpha_ms=10,noise=0.02,memory_mb=9000
four=cuda:0,cuda:1,cuda:2,cuda:3

# --- served
serve server --config c.json --instances auto --devices $four
ok $? 'two models are served on four devices' || comment "$(cat server.err)"
like "$(cat server.err)" '^placement: hrnet on cuda:0: predicted to hold [0-9.]+ requests/s beside the others$' 'the fast one has one of them'
like "$(cat server.err)" '^placement: cbam_resunet on cuda:1, cuda:2, cuda:3: predicted to hold [0-9.]+ requests/s beside the others$' \
    'the slow one has the others'
like "$(cat server.err)" '^placement: memory, MiB: cuda:0 8[0-9]+ of 14746, cuda:1 9[0-9]+ of 14746,' 'and what each holds of the memory is said'
run curl --silent "$url/v2/models/cbam_resunet/config"
like "$out" '"count":3' 'so many instances run'
kill "$server"
ends 0 'it ends'

# --- tested, and in the record
test_placed() { run "$bin/test-production" --config c.json --quiet --scenarios single --duration 1s --tolerate-cores 1024 "$@"; }
test_placed --instances auto --devices $four
record=$(echo results/*-test/record.json)
is "$(json "$record" .models.0.places)" cuda:0 'the record has where a model ran'
is "$(json "$record" .models.1.places)" 'cuda:1, cuda:2, cuda:3' 'and the other'
is "$(json "$record" .models.1.instances)" 3 'and how many that are'
[ "$(json "$record" .models.0.placed_rps)" != null ]
ok $? 'and what it was predicted to hold'
is "$(json "$record" .settings.instances) $(json "$record" .settings.devices)" "auto $four" 'and what was asked'
like "$(tr -s '\n ' '  ' <<<"$out")" 'placed on cuda:1, cuda:2, cuda:3, where it holds [0-9.]+ requests/s beside the others' 'the table says it too'

# --- what is wanted of each
serve shares --config c.json --instances auto --devices $four --shares hrnet=50,cbam_resunet=1
like "$(cat shares.err)" '^placement: hrnet on cuda:0, cuda:1, cuda:2: ' 'by other shares it is the other way round'
like "$(cat shares.err)" '^placement: cbam_resunet on cuda:3: ' 'and the slow one is on the last'
kill "$server"
ends 0 'it ends'

# --- nothing to choose
serve usual --config c.json --models hrnet --instances auto
unlike "$(cat usual.err)" '^placement' 'without devices the places are those of the config'
kill "$server"
ends 0 'it ends'
serve single --config c.json --instances auto --devices cuda:5
unlike "$(cat single.err)" '^placement' 'nor is there anything to choose on one device'
run curl --silent "$url/v2/models/cbam_resunet/config"
like "$out" '"count":1' 'where each has one instance'
kill "$server"
ends 0 'it ends'

# --- what cannot be
refused() { run "$bin/serve-production" --config c.json --port 0 "$@"; }
refused --devices $four
refuses 'devices and shares are for instances auto alone' 'devices are of auto'
refused --instances auto --devices cuda:0,cuda:0
refuses 'devices: cuda:0 and cuda:0 share hardware' 'a device is there once'
refused --instances auto --devices hrnet=cuda:0,cuda:1
refuses 'devices are for all models' 'and is for all'
refused --instances auto --devices $four --shares 3
refuses 'shares: "3" names no model' 'a share is of a model'
refused --instances auto --devices $four --shares hrnet=much
refuses 'shares: "much" is no share of hrnet' 'and a number'
refused --instances auto --devices cuda:0 --shares hrnet=much
refuses 'shares: "much" is no share of hrnet' 'on one device, too'
refused --instances auto --devices $four --shares other=1
refuses 'other' 'of one that there is'
sed 's/memory_mb=[0-9]*/&,memory_total_mb=10000/' c.json >small.json
run "$bin/serve-production" --config small.json --port 0 --instances auto --devices $four
refuses 'cbam_resunet needs 9[0-9]+ MiB and fits on no device: cuda:0 has the most, 9000 MiB: [0-9]+ MiB are missing' \
    'who fits nowhere is named, and by how much'
refused --instances auto --devices $four --image-size 128
refuses 'no measured times of hrnet as it is served' 'what was not measured cannot be placed'
done_testing
