#!/usr/bin/env bash
# export-triton: a repository that NVIDIA's own tritonserver loads, and that answers as the service here does.
. tests/lib/tap.sh
. tests/lib/serving.sh
root=$PWD
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
cd "$scratch" || exit 1
tuned=(--quiet --backend sim:tau0_ms=4,alpha_ms=2 --image-size 128 --batches 1,2,4 --seed 1)
"$bin/optimize-batch" "${tuned[@]}" --output sim.json >/dev/null 2>&1

run "$bin/export-triton" --config sim.json
exits 0 'the repository is written'
says '^triton-models/hrnet: batches of up to [0-9]+, queue delay 5 ms, 1 instance$' 'with a line for each model'
is "$(cd triton-models && find . -type f | sort | tr '\n' ' ')" \
    "$(printf './%s ' {cbam_resunet,hrnet}/{1/production_batch_config.json,config.pbtxt,libtriton_batchtune.so})" 'and its files'
text=$(cat triton-models/hrnet/config.pbtxt)
chosen=$(sed -n '/"hrnet": {/,/}/s/.*"optimal_batch_size": \([0-9]*\).*/\1/p' sim.json)
like "$text" "max_batch_size: $chosen"$'\n' 'batches as they were tuned'
like "$text" 'dynamic_batching \{ max_queue_delay_microseconds: 5000 \}' 'and the queue delay'
is "$(grep -c -E 'preferred_batch_size:|default_queue_policy' triton-models/hrnet/config.pbtxt)" 0 \
    'nothing that has Triton split or hold batches'
run "$bin/show-batch-config" --config triton-models/hrnet/1/production_batch_config.json
exits 0 "a model's config is a config"
is "$(perl -MJSON::PP -0777 -ne 'print join ",", keys %{decode_json($_)->{configurations}}' \
    triton-models/hrnet/1/production_batch_config.json)" hrnet 'of that model alone'

run "$bin/export-triton" --config sim.json --models hrnet --no-backend other
exits 0 'one model alone, without the backend'
is "$(find other -type f | sort | tr '\n' ' ')" 'other/hrnet/1/production_batch_config.json other/hrnet/config.pbtxt ' 'is that'
run "$bin/export-triton" --config sim.json --models resnet
exits 2 'a model that there is not'
says_error 'no model "resnet"; it has: hrnet, cbam_resunet' 'is told with those that there are'
run "$bin/export-triton" --config absent.json
exits 2 'no config'
says_error 'absent\.json' 'is told by name'
touch file
run "$bin/export-triton" --config sim.json file
exits 2 'a folder that cannot be made'
says_error 'file' 'is told by name'

# Of several classes, which the config tells.
unlike "$text" 'labels' 'a model of one class has no labels'
sed 's/^      "image_size": 128,/&\n      "classes": 3,/' sim.json >classes.json
run "$bin/export-triton" --config classes.json --models hrnet --no-backend of-three
exits 0 'a model of three classes'
like "$(cat of-three/hrnet/config.pbtxt)" 'name: "labels" data_type: TYPE_UINT8 dims: \[ -1, -1 \]' 'has labels'
like "$(cat of-three/hrnet/config.pbtxt)" 'name: "class_probabilities" data_type: TYPE_FP32 dims: \[ 3, -1, -1 \]' \
    'and a plane for each'

# A checkpoint goes along, wherever it was.
sed 's|"source": "[^"]*"|"source": "hrnet.safetensors", "path": "'"$scratch"'/weights/hrnet.safetensors"|' sim.json >file.json
mkdir weights && echo numbers >weights/hrnet.safetensors
run "$bin/export-triton" --config file.json --models hrnet with-weights
exits 0 'a checkpoint'
is "$(cat with-weights/hrnet/1/hrnet.safetensors)" numbers 'is copied'
like "$(cat with-weights/hrnet/config.pbtxt)" 'key: "weights"'$'\n''  value \{ string_value: "hrnet\.safetensors" \}' 'and named'

run "$bin/optimize-batch" "${tuned[@]}" --output again.json --export-triton from-tuning
exits 0 'optimize-batch writes one as well'
is "$(grep -v '^#' from-tuning/hrnet/config.pbtxt)" "$(grep -v '^#' <<<"$text")" 'the same'

triton=$root/.deps/tritonserver/pytriton/tritonserver
if [ ! -e "$root/.deps/tritonserver.stamp" ] || [ ! -e "$root/.deps/clients.stamp" ]; then
    skip "tritonserver, or its client, is not set up: make deps-triton deps-clients"
    done_testing
    exit
fi

# Both networks as plans; what is served is the config's, and not what is fastest here.
cat >plan.json <<'END'
{ "schema_version": 1, "settings": { "backend": "plan", "image_size": 64, "max_queue_delay_ms": 20 },
  "configurations": { "hrnet": { "optimal_batch_size": 4 }, "cbam_resunet": { "optimal_batch_size": 4 } } }
END
run "$bin/export-triton" --config plan.json served
exits 0 'a config that was written by hand is exported, too'
serve ours --config plan.json
ok $? 'there is a server of our own'
ours=$url
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
"$triton/bin/tritonserver" --model-repository=served --backend-directory="$triton/backends" --http-address=127.0.0.1 \
    --http-port="$port" --allow-grpc=false --allow-metrics=false >triton.log 2>&1 &
server=$!
servers="$servers $server"
for i in $(seq 1200); do
    ! curl --silent --fail --output ready "http://127.0.0.1:$port/v2/health/ready" || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
curl --silent --fail --output ready "http://127.0.0.1:$port/v2/health/ready"
ok $? 'tritonserver takes the repository' || comment "$(tail -n 40 triton.log)"
like "$(cat triton.log)" 'hrnet is warm: batches of up to 4, 1 instance' 'the backend says what it serves'
tap < <(PYTHONDONTWRITEBYTECODE=1 "$root/tools/setup/client-python" "$root/tests/python/test_two_servers.py" \
    "http://127.0.0.1:$port" "$ours" 2>&1 || echo 'not ok 0 - the script ends well')
run "$bin/test-production" --quiet --endpoint "http://127.0.0.1:$port" --models hrnet --image-size 64 \
    --scenarios sustained --rate 5 --duration 2s --p95-sla-ms 10000
says '^hrnet' 'test-production drives it'
kill "$server"
wait "$server"
is $? 0 'it unloads the models and ends well'
done_testing
