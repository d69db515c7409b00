#!/usr/bin/env bash
# What serve-production tells of itself: metrics in both of Prometheus's formats, as Prometheus's own tools and this
# project's read them.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
root=$PWD
sim=sim:tau0_ms=1,alpha_ms=1
command -v curl >/dev/null || skip_all 'there is no curl'
find_python_with prometheus_client && case $python in tools/*) python=$root/$python ;; esac || python=
cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1,2,4 --output config.json >/dev/null 2>&1
serve server --config config.json --backend $sim
ok $? 'it serves' || comment "$(cat server.err)"

# some of everything: three results, a picture that is none, a path that is none
picture='{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1,1,1,3], "data": [1,2,3]}], "outputs": [{"name": "mask"}]}'
for _ in 1 2 3; do curl --silent --fail --output answer "$url/v2/models/hrnet/infer" --data "$picture" || break; done
ok $? 'it infers'
curl --silent --output answer "$url/v2/models/hrnet/infer" --data '{'
curl --silent --output answer "$url/nowhere"

curl --silent --dump-header older.head --output older.txt "$url/metrics"
curl --silent --dump-header newer.head --output newer.txt -H 'Accept: application/openmetrics-text; version=1.0.0' "$url/metrics"
like "$(tr -d '\r' <older.head)" '^Content-Type: text/plain; version=0\.0\.4; charset=utf-8$' "Prometheus's text is what everybody gets"
like "$(tr -d '\r' <newer.head)" '^Content-Type: application/openmetrics-text; version=1\.0\.0; charset=utf-8$' \
    'OpenMetrics is for whoever asks for it'
is "$(tail -n 1 newer.txt)" '# EOF' 'and ends as it must'
unlike "$(cat older.txt newer.txt)" "$(printf '\r')" 'lines end as Unix has them'
page=$(cat newer.txt)
like "$page" '^batchtune_requests_total\{model="hrnet",outcome="ok"\} 3$' 'requests count by outcome'
like "$page" '^batchtune_requests_within_sla_total\{model="hrnet"\} [0-3]$' 'and by the promise'
like "$page" '^batchtune_http_requests_total\{path="infer",code="200"\} 3$' 'HTTP requests count by path and status'
like "$page" '^batchtune_http_requests_total\{path="infer",code="400"\} 1$' 'those that went wrong, too'
like "$page" '^batchtune_http_requests_total\{path="other",code="404"\} 1$' 'and those for nothing'
like "$page" '^batchtune_http_connections 1$' 'connections are told'
like "$page" '^batchtune_ready 1$' 'and readiness'
like "$page" '^batchtune_capacity_requests_per_second\{model="hrnet"\} [0-9.]+$' 'the capacity is told'
like "$page" '^batchtune_headroom_ratio\{model="hrnet"\} 0?\.[0-9]+$' 'with what is free of it'
like "$page" '^batchtune_sla_p95_seconds\{model="hrnet"\} 0\.1$' 'and the promise'
run curl --silent "$url/v2/models/hrnet/stats"
says '"inference_count":3,"execution_count":3' 'statistics count the same'

if command -v promtool >/dev/null; then
    run_shell 'promtool check metrics <older.txt'
    exits 0 "Prometheus's tool finds nothing wrong with them"
    is "$err" '' 'and has nothing to say of them'
else
    skip 'there is no promtool: make deps-monitoring' 2
fi
if [ -n "$python" ]; then
    tap < <("$python" "$root/tests/python/test_metrics.py" "$url" 2>&1 || echo 'not ok 0 - the script ends well')
else
    skip "Prometheus's client library is not installed: make deps-python"
fi

for file in older.txt newer.txt; do
    run "$bin/explain-batching" "$file"
    exits 0 "explain-batching reads $file"
    says '^hrnet: a running service, 3 requests answered' 'and what was served'
done
run_shell "curl --silent $url/metrics | $bin/explain-batching -"
exits 0 'and straight from the server'

kill "$server"
ends 0 'it ends well'
done_testing
