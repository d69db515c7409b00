#!/usr/bin/env bash
# The alert rules and the dashboard of configs/monitoring: Prometheus's own tool takes them, and what they ask for is told.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
rules=$PWD/configs/monitoring/alerts.yml
dashboard=$PWD/configs/monitoring/grafana-dashboard.json
check="/usr/bin/python3 $PWD/tests/python/test_dashboard.py $dashboard $rules"
sim=sim:tau0_ms=1,alpha_ms=1
command -v curl >/dev/null || skip_all 'there is no curl'

if command -v promtool >/dev/null; then
    run promtool check rules "$rules"
    exits 0 'Prometheus loads the alert rules'
    run promtool test rules tests/monitoring/alerts.yml
    exits 0 'they wake somebody when they should, and nobody else'
    run_shell "$check none rules >'$scratch/dashboard.yml' && promtool check rules '$scratch/dashboard.yml'"
    exits 0 "Prometheus reads the dashboard's queries"
else
    skip 'there is no promtool: make deps-monitoring' 3
fi
for alert in $(sed -n 's/^ *- alert: //p' "$rules"); do
    grep -q "\b$alert\b" tests/monitoring/alerts.yml
    ok $? "$alert is tested"
    grep -q "\b$alert\b" docs/monitoring.md
    ok $? 'and explained'
done

cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1,2,4 --output config.json >/dev/null 2>&1
serve server --config config.json --backend $sim
curl --silent --fail --output page "$url/metrics"
ok $? 'a server tells its metrics' || comment "$(cat server.err)"
tap < <($check page names 2>&1 || echo 'not ok 0 - the dashboard and the rules are served')
done_testing
