#!/usr/bin/env bash
# serve-production from its command line: what it says, what it answers over the network, and how it ends.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
root=$PWD
program=$bin/serve-production
sim=sim:tau0_ms=1,alpha_ms=1
python3=/usr/bin/python3
[ -x $python3 ] || python3=python3
command -v curl >/dev/null || skip_all 'there is no curl'
cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1,2,4 --output config.json >/dev/null 2>&1
mkdir drawn
"${bin%/bin}/tests/draw-spheroids" --seed 5 --size 128 --output drawn && mv drawn/0.png cell.png

serve_here() { serve server --config config.json --backend $sim "$@"; }

# --- what is wrong is told before anything is loaded
run "$program" --config absent.json
refuses 'absent\.json' 'an absent config is bad input'
run "$program" --config config.json --backend $sim --models other
refuses 'other' 'so is a model that it does not have'
run "$program" --config config.json --backend $sim --listen everywhere
refuses '--listen: "everywhere" is no address in numbers' 'and an address that is none'
run "$program" --config config.json --backend $sim --port 70000
refuses '--port' 'and a port that is none'

# --- it serves
serve_here
ok $? 'it serves' || comment "$(cat server.err)"
like "$(cat server.out)" '^serving hrnet at http://127\.0\.0\.1:[0-9]+$' 'on this machine alone, at a port that it prints'
run "$program" --config config.json --backend $sim --port "${url##*:}"
refuses 'cannot be listened at: Address already in use' 'a port in use is bad input'
run curl --silent --output /dev/null --write-out '%{http_code} %{size_download}' "$url/v2/health/ready"
is "$out" '200 0' 'it is ready'
run curl --silent "$url/v2/models/hrnet/versions/1"
says '"name":"image","datatype":"UINT8","shape":\[-1,-1,-1,3\]' 'metadata name the input'
run curl --silent --request POST "$url/v2/repository/index"
says '"state":"READY"' 'the index names the model'
run curl --silent --write-out ' %{http_code}' "$url/v2/models/other"
is "$out" '{"error":"no model is called \"other\" here; there are: hrnet"} 404' 'an unknown model is told, with those there are'

# --- the pages' examples, aimed at this server
(umask 077; echo 'alice alice-0123456789abcdef' >keys.txt; echo 'prometheus scraper-0123456789abcdef' >scrapers.txt)
for page in README docs/http; do
    mkdir -p "blocks/$page"
    perl "$root/tests/lib/pages.pl" blocks "$root/$page.md" "blocks/$page"
done
for block in blocks/README/*.console blocks/docs/http/*.console; do perl "$root/tests/lib/pages.pl" commands "$block"; done | grep '^curl ' >commands
[ "$(wc -l <commands)" -ge 5 ]
ok $? 'the pages have examples with curl'
is "$(for block in blocks/README/*.console; do cat "$block"; done | grep -c '^curl ')" 1 'README, too'
while IFS= read -r command; do
    run_shell "${command//localhost:8000/${url#http://}}"
    exits 0 "${command:0:90}"
done <commands
run curl --silent "$url/metrics"
says "^batchtune_requests_total\\{model=\"hrnet\",outcome=\"ok\"\\} $(grep -c '/infer\|/segment' commands)\$" 'those that infer were counted'
is "$(head -c 4 mask.png | tail -c 3)" PNG 'a mask is a picture'
like "$(cat cell.geojson)" '^\{"type":"FeatureCollection",.*"name":"cell"' 'regions come as GeoJSON'
like "$(cat cell.coco.json)" '"file_name":"cell.png"' 'and as COCO'
[ "$(tail -c +560 answer.bin | wc -c)" -gt $((128 * 128 * 5)) ]
ok $? 'a picture file gave mask and probabilities'
run curl --silent --head "$url/metrics"
says '^Content-Type: text/plain; version=0\.0\.4; charset=utf-8' 'metrics have their type'
if command -v promtool >/dev/null; then
    run_shell "curl --silent $url/metrics | promtool check metrics"
    exits 0 "Prometheus's own tool finds nothing wrong with them"
else
    skip 'there is no promtool'
fi

# --- from Python
for what in stdlib segment; do
    tap < <("$python3" "$root/tests/python/test_http.py" $what "$url" 2>&1 || echo 'not ok 0 - the script ends well')
done
cd "$root" || exit 1
if find_python_with tritonclient.http; then
    case $python in tools/*) python=$root/$python ;; esac
    cd "$scratch" || exit 1
    tap < <("$python" "$root/tests/python/test_http.py" triton "$url" 2>&1 || echo 'not ok 0 - the script ends well')
else
    cd "$scratch" || exit 1
    skip "Triton's client is not installed (pip install tritonclient[http])"
fi
kill "$server"
ends 0 'it ends well'

# --- keys, pages and the log: what stands around a request
serve_here --keys keys.txt --metrics-keys scrapers.txt --cors-origins https://app.example.org --access-log access.jsonl
tap < <("$python3" "$root/tests/python/test_http.py" around "$url" 2>&1 || echo 'not ok 0 - the script ends well')
echo 'alice alice-fedcba9876543210' >keys.txt
mv access.jsonl access.jsonl.1
kill -HUP "$server"
code() { curl --silent --output /dev/null --write-out '%{http_code}' "$url/v2" -H "Authorization: Bearer $1"; }
await '[ "$(code alice-fedcba9876543210)" = 200 ]'
ok $? 'a key is given while it serves'
is "$(code alice-0123456789abcdef)" 401 'and taken back'
echo broken >keys.txt
await 'grep -q "keys.txt: line 1: a name and a key" server.err'
ok $? 'a file that is wrong is told'
is "$(code alice-fedcba9876543210)" 200 'and the keys before it stay'
kill "$server"
ends 0 'it ends well'
[ -s access.jsonl ] && ! grep -q '^$\|0123456789abcdef\|fedcba9876543210' access.jsonl access.jsonl.1 server.err server.out
ok $? 'the log goes on in a new file, and no key is in any'
is "$("$python3" -c 'import json, sys
for name in sys.argv[1:]:
    for line in open(name): json.loads(line)
print("whole")' access.jsonl access.jsonl.1 2>&1)" whole 'each line is a JSON object'
chmod o+w keys.txt
echo 'alice alice-0123456789abcdef' >keys.txt
run "$program" --config config.json --backend $sim --keys keys.txt
refuses '--keys: keys.txt: everybody may write it' 'keys that everybody may write are refused'
run "$program" --config config.json --backend $sim --cors-origins '*'
refuses '--cors-origins: "\*" is no origin' 'and so is a star for all pages'

# --- ready tensors, of a model whose logits are the mean of what it sees
serve_here --backend $sim,echo=true
tap < <("$python3" "$root/tests/python/test_http.py" tensors "$url" 2>&1 || echo 'not ok 0 - the script ends well')
kill "$server"
ends 0 'it ends well'

# --- and of three classes
serve_here --backend $sim,echo=true,classes=3
tap < <("$python3" "$root/tests/python/test_http.py" classes "$url" 2>&1 || echo 'not ok 0 - the script ends well')
run "$bin/test-production" --quiet --tolerate-cores 1024 --p95-sla-ms 60000 --duration 1s --scenarios single --endpoint "$url" \
    --results . --plots .
exits 0 'a load test asks for labels'
says '^hrnet, 64 × 64 px, labels of 3 classes' 'and says so'
kill "$server"
ends 0 'it ends well'

# --- SIGHUP: the config anew, and nobody is refused
"$bin/optimize-batch" --quiet --backend $sim --image-size 64 --batches 1,2,4 --output both.json >/dev/null 2>&1
cp config.json one.json
rm -f codes
serve_here --batch-size 4 --max-queue-delay-ms 60000
curl --silent --output waiting --write-out '%{http_code}\n' "$url/v2/models/hrnet/infer" \
    -H 'Inference-Header-Content-Length: 0' --data-binary @cell.png >>codes &
client=$!
await 'curl --silent "$url/metrics" | grep -q "^batchtune_in_flight{model=\"hrnet\"} 1"'
ok $? 'a request waits for its batch'
cp both.json config.json
kill -HUP "$server"
await 'grep -q "as config.json says now" server.err'
ok $? 'the config is read anew' || comment "$(cat server.err)"
wait $client
is "$(cat codes)" 200 'the request before was answered'
run curl --silent --output /dev/null --write-out '%{http_code}' "$url/v2/models/cbam_resunet/ready"
is "$out" 200 'a model that the config now has is there, and ready'
run curl --silent --request POST "$url/v2/repository/index"
says '"cbam_resunet"' 'and in the index'
echo '{' >config.json
kill -HUP "$server"
await 'grep -q "^error: not reloaded" server.err'
like "$(cat server.err)" 'error: not reloaded, and served as before: config\.json: ' 'a broken config is told'
run curl --silent --output /dev/null --write-out '%{http_code}' "$url/v2/models/cbam_resunet/ready"
is "$out" 200 'and the one before serves on'
sed -e 's/"memory_usage_mb": [0-9.]*/"memory_usage_mb": 100000000.0/' -e 's/"memory_kind": "device"/"memory_kind": "process"/' one.json >config.json
kill -HUP "$server"
await 'grep -q "restart instead" server.err'
like "$(cat server.err)" 'need 100000000 MiB of the process.s memory beside those that serve, and [0-9]+ MiB are left: restart' \
    'models that do not fit beside those that serve are told'
cp one.json config.json
kill -HUP "$server"
await 'test "$(grep -c "says now" server.err)" = 2'
run curl --silent --output /dev/null --write-out '%{http_code}' "$url/v2/models/cbam_resunet/ready"
is "$out" 400 'a model goes that the config no longer has'
kill "$server"
ends 0 'it ends well after all that'

# --- systemd: its socket, and what it hears
if "$python3" - "$program" --config config.json --backend $sim --drain-seconds 0 <<'END'
import os, signal, socket, subprocess, sys, tempfile, urllib.request
listener = socket.create_server(("127.0.0.1", 0))
url = "http://127.0.0.1:%d/v2/health/ready" % listener.getsockname()[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("notify")
os.dup2(listener.fileno(), 3)
def hears(word):
    while word not in manager.recv(4096).decode().splitlines():
        pass
manager.settimeout(60)
for _ in range(2):
    early = socket.create_connection(listener.getsockname())  # before anybody is there
    early.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    server = subprocess.Popen(["/bin/sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ NOTIFY_SOCKET=$PWD/notify WATCHDOG_USEC=60000 exec "$@"', "sh"]
                              + sys.argv[1:], pass_fds=[3], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    hears("READY=1")
    assert early.recv(100).startswith(b"HTTP/1.1 200"), "whoever came before is answered"
    hears("WATCHDOG=1")
    server.send_signal(signal.SIGHUP)
    hears("RELOADING=1")
    hears("READY=1")
    assert urllib.request.urlopen(url).status == 200
    server.terminate()
    hears("STOPPING=1")
    assert server.wait() == 0
END
then ok 0 'systemd is told, and its socket is taken and left'; else ok 1 'systemd is told, and its socket is taken and left'; fi

# --- the end: nobody who was taken is lost
rm -f codes
serve_here --batch-size 4 --max-queue-delay-ms 60000 # a batch that does not fill, until the end
for i in 1 2 3; do
    curl --silent --output "answer-$i" --write-out '%{http_code}\n' "$url/v2/models/hrnet/infer" \
        -H 'Inference-Header-Content-Length: 0' --data-binary @cell.png >>codes &
    clients="${clients:-} $!"
done
await 'curl --silent "$url/metrics" | grep -q "^batchtune_in_flight{model=\"hrnet\"} 3"'
ok $? 'requests wait for their batch'
kill "$server"
ends 0 'it ends well though requests were waiting'
is "$(cat server.out)" "serving hrnet at $url
verdict: good (0)" 'with its verdict'
for client in $clients; do wait "$client"; done
is "$(sort codes | tr '\n' ' ')" '200 200 200 ' 'each of them was answered'
done_testing
