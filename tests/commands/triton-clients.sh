#!/usr/bin/env bash
# The clients that people have, unmodified, against serve-production: Triton's for Python, and NVIDIA's perf_analyzer.
. tests/lib/tap.sh
. tests/lib/serving.sh
root=$PWD
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
[ -e .deps/clients.stamp ] || skip_all "Triton's clients are not set up: make deps-clients"
sim=sim:tau0_ms=1,alpha_ms=1
cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1,2,4 --output c.json >/dev/null 2>&1
mkdir drawn
"${bin%/bin}/tests/draw-spheroids" --seed 5 --size 128 --output drawn && mv drawn/0.png cell.png
serve server --config c.json
ok $? 'there is a server'

tap < <(PYTHONDONTWRITEBYTECODE=1 "$root/tools/setup/client-python" "$root/tests/python/test_triton_client.py" "$url" 2>&1 ||
    echo 'not ok 0 - the script ends well')

# A window is short, and whatever comes of it is stable: it is the tables that are wanted, not their figures.
analyze() {
    run "$root/tools/setup/perf-analyzer" -m hrnet -u "${url#http://}" -i http --measurement-interval 500 --max-trials 3 \
        --stability-percentage 999 --percentile 95 "$@"
}
analyze --shape image:64,64,3 --concurrency-range 1:3
exits 0 'perf_analyzer ends well, by concurrency'
says '^Concurrency: 1, throughput: [0-9.e+]+ infer/sec, latency [0-9]+ usec' 'with a table'
says '^Concurrency: 3, throughput' 'of each'
says 'queue [0-9]+ usec \+ compute input [0-9]+ usec \+ compute infer [0-9]+ usec' "and the server's own times"
analyze --shape image:64,64,3 --request-rate-range 40:80:40 --max-threads 4 -f rates.csv
exits 0 'and by request rate'
# (80.00 where it was late for some: its warning sets how numbers are printed.)
says '^Request Rate: 80(\.00)?, throughput: [0-9.e+]+ infer/sec, latency [0-9]+ usec' 'with its table'
like "$(head -n 1 rates.csv)" 'Server Queue.*p95 latency' 'as a file, too'
analyze --shape image:64,64,3 --concurrency-range 4 -a -b 2
exits 0 'calls that do not wait, two pictures each'
printf '{"data": [{"image": {"content": ["%s"], "shape": [5, 4, 3]}}]}' \
    "$(printf '%s, ' $(seq 60) | sed 's/, $//; s/, /", "/g')" | sed 's/"\([0-9]*\)"/\1/g' >pictures.json
analyze --input-data pictures.json --concurrency-range 2
exits 0 'pictures out of a file'
analyze -m resnet --shape image:64,64,3 --concurrency-range 1
exits 99 'a model that there is not ends it'
says_error 'there are: hrnet|hrnet' 'with the names of those that there are'
done_testing
