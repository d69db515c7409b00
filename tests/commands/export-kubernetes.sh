#!/usr/bin/env bash
# export-kubernetes: manifests that Kubernetes and KServe would take, whose numbers are the config's and plan-replicas's.
. tests/lib/tap.sh
root=$PWD
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend sim:tau0_ms=20,alpha_ms=5,noise=0.05 --models hrnet,cbam_resunet --image-size 64 \
    --batches 1,2,4,8 --p95-sla-ms 200 --seed 1 --output config.json >/dev/null 2>&1
export_kubernetes() { run "$bin/export-kubernetes" --config config.json "$@"; }

export_kubernetes --rate 400
exits 0 'manifests are written'
says '^kubernetes/hrnet: [0-9]+ to [0-9]+ replicas of [0-9]+ cores? and [0-9]+ MiB, one more from [0-9.]+ requests/s of each on$' \
    'with a line for each model'
is "$(find kubernetes -type f | sort | tr '\n' ' ')" \
    "$(printf 'kubernetes/%s.yaml ' {cbam-resunet,hrnet}/{deployment,kserve})" 'a folder each'
like "$(cat kubernetes/hrnet/deployment.yaml)" \
    '^# Asked: 400 requests/s on average, each P95 within 200 ms\. Simulated, requests sent in turn:$' 'they say for what'
like "$(cat kubernetes/hrnet/deployment.yaml)" '^#   [0-9]+ hold [0-9.]+ requests/s; at 400 P95 is [0-9.]+ ms: broken$' 'and what fewer would do'
cp kubernetes/hrnet/deployment.yaml first.yaml
export_kubernetes --rate 400 --models hrnet
cmp -s first.yaml kubernetes/hrnet/deployment.yaml
ok $? 'asked again, the same'

# --- other wishes
export_kubernetes --rate 400 --models hrnet --balancing least least
exits 0 'for a balancer that looks who has fewest under way'
like "$(cat least/hrnet/deployment.yaml)" '^  clusterIP: None$' 'the service names every pod'
export_kubernetes --rate 400 --models hrnet --load-balancer --image registry.example.org/batchtune:1 wishes
like "$(cat wishes/hrnet/deployment.yaml)" '^  type: LoadBalancer$' 'a load balancer where one is asked for'
like "$(cat wishes/hrnet/kserve.yaml)" '^        image: "registry\.example\.org/batchtune:1"$' 'another image'
export_kubernetes --rate 400 --models hrnet --p95-sla-ms 187.5 stricter
is "$(grep -h '^ *args:' stricter/hrnet/*.yaml | sed 's/^ *//' | sort -u)" 'args: ["--drain-seconds", "15", "--p95-sla-ms", "187.5"]' \
    'another promise is the one that pods are started with'
export_kubernetes --rate 400 --models hrnet --min-replicas 1 --max-replicas 3 few
like "$(grep -c -E '^  (minReplicas: 1|maxReplicas: 3)$' few/hrnet/deployment.yaml)" '^2$' 'and as many as are wanted'
like "$(cat few/hrnet/deployment.yaml)" 'so that the promise breaks while one is away' 'which is told where they are too few'
export_kubernetes --rate 10 --models hrnet --headroom-percent 0 one
like "$(cat one/hrnet/deployment.yaml)" '^  minReplicas: 2$' 'where one would do there are two, so that one may go'
export_kubernetes --rate 400 --models hrnet --storage-uri s3://models/hrnet --triton-image registry.example.org/tritonserver:24.10
exits 0 "with where export-triton's repository lies"
[ -e kubernetes/hrnet/kserve-triton.yaml ]
ok $? "there is one for KServe's Triton"

# --- weights of one's own are mounted where the config has them
sed 's|"source": "[^"]*"|"source": "hrnet.safetensors", "path": "/srv/models/hrnet.safetensors"|' config.json >weights.json
run "$bin/export-kubernetes" --config weights.json --models hrnet --rate 400 weights
refuses 'hrnet has its own weights or network in /srv/models: --weights-claim' 'a model with weights of its own wants a volume'
run "$bin/export-kubernetes" --config weights.json --models hrnet --rate 400 --weights-claim models weights
exits 0 'with one'
is "$(grep -c -E 'mountPath: "/srv/models", readOnly: true|claimName: "models", readOnly: true' weights/hrnet/{deployment,kserve}.yaml |
    cut -d : -f 2 | tr '\n' ' ')" '2 2 ' 'it is mounted'

# --- a GPU, copies that are bound to cores, and the scales of INT8
perl -MJSON::PP -0777 -e 'my $c = decode_json(<STDIN>); my $m = $c->{configurations}{hrnet};
    $m->{instances} = [map { { device => "cuda:$_", threads => 0, cpus => undef } } 2, 5, 5]; print encode_json($c)' <config.json >gpu.json
run "$bin/export-kubernetes" --config gpu.json --models hrnet --rate 400 gpu
like "$(cat gpu/hrnet/deployment.yaml)" 'limits: \{cpu: "[1-4]", memory: [0-9]+Mi, nvidia\.com/gpu: 2\}' 'devices are asked for, each once'
is "$(grep -oE '"cuda:[0-9]"' gpu/hrnet/deployment.yaml | tr '\n' ' ')" '"cuda:0" "cuda:1" "cuda:1" ' 'and counted as the pod finds them'
perl -MJSON::PP -0777 -e 'my $c = decode_json(<STDIN>); my $m = $c->{configurations}{hrnet};
    $m->{instances} = [map { { device => "cpu", threads => 2, cpus => $_ } } "0-1", "2-3"];
    $m->{calibration} = "config.hrnet.calibration.json"; print encode_json($c)' <config.json >bound.json
echo '{"scales": [0.5]}' >config.hrnet.calibration.json
run "$bin/export-kubernetes" --config bound.json --models hrnet --rate 400 bound
like "$(cat bound/hrnet/kserve.yaml)" 'requests: \{cpu: "4", ' 'the cores of all copies'
like "$(cat bound/hrnet/kserve.yaml)" "static CPU policy" 'which are bound to them'
like "$(cat bound/hrnet/kserve.yaml)" '^  config\.hrnet\.calibration\.json: \|$' "INT8's scales lie beside the config"

# --- what cannot be
export_kubernetes
refuses '^export-kubernetes: --rate: how many requests a second' 'without a rate it is asked for'
export_kubernetes --rate 5 --models resnet
refuses 'no model "resnet"; it has: hrnet, cbam_resunet' 'a model that there is not is told with those that there are'
export_kubernetes --rate 5 --image $'a\nkind: Secret'
refuses '^export-kubernetes: --image: "a\?kind: Secret" is not an image' 'an image that is none'
export_kubernetes --rate 5 --weights-claim 'A b'
refuses '--weights-claim: "A b" is not' "and a claim's name that is none"
export_kubernetes --rate 5 --storage-uri s3://models/hrnet
refuses 'with which --triton-image' "Triton's image must be named"
export_kubernetes --rate 5 --storage-uri s3://models/all --triton-image t:1
refuses 'a repository of one model' 'and one model'
export_kubernetes --rate 400 --models hrnet --max-replicas 1
refuses '--max-replicas: 1 are fewer than' 'too few at most'
export_kubernetes --rate 10 --models hrnet --p95-sla-ms 1 none
exits 3 'a promise that no request can keep'
says '^hrnet: none; no request keeps 1 ms' 'is told'
[ ! -e none ]
ok $? 'and nothing is written for it'
touch file
export_kubernetes --rate 400 file
exits 2 'a folder that cannot be made'
says_error 'file' 'is told by name'
sed 's/"cbam_resunet":/"HRNet":/; s/"hrnet":/"hrnet":/' config.json >capitals.json
run "$bin/export-kubernetes" --config capitals.json --rate 400 capitals
exits 0 'names that differ in capitals alone'
is "$(ls capitals | wc -l | tr -d ' ')" 2 'are not taken for one'
sed 's/"cbam_resunet":/"a_b":/; s/"hrnet":/"a-b":/' config.json >alike.json
run "$bin/export-kubernetes" --config alike.json --rate 400 alike
refuses 'a-b and a_b would both be called batchtune-a-b|a_b and a-b would both be called batchtune-a-b' 'two that Kubernetes could not tell apart'

# --- Kubernetes's and KServe's own word
if [ ! -e "$root/.deps/deployment.stamp" ]; then
    skip 'kubernetes-validate is not there: make deps-deployment'
    done_testing
    exit
fi
read -r python <"$root/.deps/deployment.stamp"
export PYTHONPATH=$root/.deps/deployment PYTHONDONTWRITEBYTECODE=1
check() { "$python" "$root/tests/python/test_exported_manifests.py" "$root" "$@" 2>&1 || echo 'not ok 0 - the script ends well'; }
# By the oldest release that is meant, and the newest that is known.
for file in kubernetes/{hrnet,cbam-resunet} least/hrnet weights/hrnet gpu/hrnet bound/hrnet; do
    for version in 1.29 1.37; do
        run "$python" -W ignore -m kubernetes_validate --strict --kubernetes-version $version $file/deployment.yaml
        exits 0 "$file/deployment.yaml is good by the schemas of Kubernetes $version"
    done
done
plan() { "$bin/plan-replicas" --config config.json --rate 400 --format json "$@" >plan.json 2>/dev/null; }
for model in hrnet cbam_resunet; do
    plan --models $model --balancing round-robin
    tap < <(check deployment kubernetes/${model/_/-}/deployment.yaml plan.json config.json)
    tap < <(check kserve kubernetes/${model/_/-}/kserve.yaml plan.json config.json)
done
plan --models hrnet --balancing round-robin
tap < <(check triton kubernetes/hrnet/kserve-triton.yaml plan.json config.json)
plan --models hrnet --balancing least
tap < <(check deployment least/hrnet/deployment.yaml plan.json config.json)

check config kubernetes/hrnet/deployment.yaml >held.json
run "$bin/show-batch-config" --config held.json
exits 0 'the config in it is a config'

# A name may be any text: none of it becomes YAML, or a path.
perl -MJSON::PP -CS -0777 -e 'my $c = JSON::PP->new->decode(<STDIN>); my $m = delete $c->{configurations}{cbam_resunet};
    $c->{configurations} = { "../x: \"y\"\n  z: {\x{7f}\x{85}\x{2028}\x{feff}\x{e9}" => $m }; print JSON::PP->new->encode($c)' <config.json >odd.json
run "$bin/export-kubernetes" --config odd.json --rate 400 odd
exits 0 'a model of an odd name'
is "$(ls odd | grep -c -E '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')" 1 'gets one that Kubernetes takes'
file=odd/$(ls odd)
is "$(check name "$file/deployment.yaml")" "'../x: \"y\"\\n  z: {\\x7f\\x85\\u2028\\ufeff\\xe9'" 'and keeps its own in the config'
is "$(check name "$file/kserve.yaml")" "$(check name "$file/deployment.yaml")" 'for KServe, too'
done_testing
