#!/usr/bin/env bash
# configs/kubernetes: Kubernetes would take it, and what it says of the server (paths, options, ports, metrics, times) is so.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
root=$PWD
sim=sim:tau0_ms=1,alpha_ms=1
command -v curl >/dev/null || skip_all 'there is no curl'
[ -e .deps/deployment.stamp ] || skip_all 'kubernetes-validate is not there: make deps-deployment'
read -r python <.deps/deployment.stamp
export PYTHONPATH=$root/.deps/deployment PYTHONDONTWRITEBYTECODE=1
check() { "$python" "$root/tests/python/test_manifests.py" "$root" "$@"; }
# validate FILE NAME: by the oldest release that is meant, and the newest that is known.
validate() {
    local version
    for version in 1.29 1.37; do
        run "$python" -W ignore -m kubernetes_validate --strict --kubernetes-version $version "$1"
        exits 0 "$2 is good by the schemas of Kubernetes $version"
    done
}
for name in deployment network-policy hpa; do validate "configs/kubernetes/$name.yaml" "$name.yaml"; done

cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1 --output config.json >/dev/null 2>&1
"$bin/serve-production" --config config.json --port 0 --drain-seconds 600 >served 2>said &
server=$!
servers=$server
for _ in $(seq 600); do
    url=$(sed -n 's/^serving .* at //p' served)
    [ -n "$url" ] && break
    sleep 0.1
done
curl --silent --fail --output page "$url/metrics"
ok $? 'there is a server' || comment "$(cat said)"
tap < <(check manifests page 2>&1 || echo 'not ok 0 - the script ends well')

# --- the paths that are asked
answers() { curl --silent --output /dev/null --write-out '%{http_code}' "$url$1"; }
for path in $(check paths); do is "$(answers "$path")" 200 "$path is there"; done
kill "$server"
for _ in $(seq 600); do
    [ "$(answers "$(check path readinessProbe)")" = 200 ] || break
    sleep 0.1
done
is "$(answers "$(check path readinessProbe)")" 503 'one that stops is not ready'
is "$(answers "$(check path livenessProbe)")" 200 'and is not killed for it'
kill "$server"

# --- options, with those that the image puts before them
run "$bin/serve-production" $(check arguments) --help
exits 0 'the options are the program'\''s'

# --- the queries
if command -v promtool >/dev/null; then
    check rules >rules.yml && check cases >cases.yml
    run promtool check rules rules.yml
    exits 0 'Prometheus reads the queries'
    run promtool test rules cases.yml
    exits 0 'and gives what replicas are counted by'
else
    skip 'there is no promtool: make deps-monitoring' 2
fi

# --- all of it
if command -v kubectl >/dev/null; then
    mkdir all
    cp "$root"/configs/kubernetes/*.yaml all
    run kubectl kustomize all
    exits 1 'without a config nothing is rolled out'
    cp config.json all/production_batch_config.json
    kubectl kustomize all >all.yaml
    ok $? 'with one it is'
    validate all.yaml 'all of it'
    name=$(sed -n 's/^  name: \(batchtune-config-.*\)/\1/p' all.yaml)
    like "$name" . 'the config has its hash in its name'
    is "$(grep -c "^ .*: $name\$" all.yaml)" 2 'and the pods mount that'
else
    skip 'there is no kubectl' 6
fi
done_testing
