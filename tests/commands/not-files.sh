#!/usr/bin/env bash
# Pipes, devices, sockets and folders where a file is wanted: they work or are refused in one line, nothing waits for ever,
# and Ctrl-C ends what waits.
. tests/lib/tap.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
tests=${bin%/bin}/tests
checkpoint=$PWD/tests/checkpoints/bare.pth
sweep=$PWD/results/example/record.json
profile=$PWD/configs/profiles/strict-latency.json
rules=$PWD/configs/perf-gate.json
cd "$scratch" || exit 1
RUN_TIMEOUT_S=60
sim=sim:tau0_ms=4,alpha_ms=2
segment="$bin/segment-image --quiet --backend $sim --image-size 64"
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --batches 1,2 --output config.json >/dev/null 2>&1
"$bin/perf-gate" compare "$sweep" "$sweep" --verdict gate.json >/dev/null 2>&1
mkdir -p drawn && "$tests/draw-spheroids" --seed 1 --size 64 --output drawn >/dev/null && cp drawn/0.png a.png
mkfifo pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'

# --- folders of pictures
mkdir plate && cp a.png plate/a.png && mkfifo plate/b.png && ln -s nowhere plate/c.png && ln -s /dev/zero plate/d.tif
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("plate/e.jpg")'
run $segment --image plate --output out
exits 0 'a folder with a pipe, a device, a socket and a lost link among its pictures is segmented'
is "$(printf '%s\n' "$err" | grep 'passed over' | tr ',' '\n' | grep -c 'b\.png (a pipe)\|c\.png (a link that leads nowhere)\|d\.tif (a device)\|e\.jpg (a socket)')" 4 \
    'and each is named'
is "$(ls out)" a.json 'the picture has its polygons'
run "$bin/optimize-batch" --quiet --backend $sim --models hrnet --batches 1 --images plate --output other.json
exits 0 'a sweep on that folder'
says_error '--images: passed over: .*b\.png \(a pipe\)' 'names what it passed over'
run "$bin/test-production" --quiet --backend $sim --config config.json --scenarios single --duration 1s --images plate
says_error '--images: passed over: .*b\.png \(a pipe\)' 'and so does a load test'
mkdir pipes && mkfifo pipes/x.png
run $segment --image pipes --output out
refuses 'no picture in it .*; passed over: x\.png \(a pipe\)' 'a folder with nothing else has no picture'

# --- what is read from its start to its end may come through a pipe
through() { # through WHAT COMMAND...: the file that <(...) stands for
    run_shell "$2"
    exits "${3:-0}" "$1 may come through a pipe"
}
through 'a picture' "$segment --image <(cat a.png)"
through 'a config' "$bin/show-batch-config --config <(cat config.json)"
through 'what to explain' "$bin/explain-batching <(cat config.json)"
through 'the config of a load test' \
    "$bin/test-production --quiet --tolerate-cores 64 --backend $sim --config <(cat config.json) --scenarios single --duration 3s"
through "segment-image's config" "$segment --image a.png --config <(cat config.json)"
through 'settings' "$bin/optimize-batch --quiet --backend $sim --models hrnet --batches 1,2 --config <(cat '$profile') --output p.json"
through 'a record' "$bin/render-report <(cat '$sweep')"
through 'a record on standard input' "cat '$sweep' | $bin/render-report /dev/stdin"
through 'each record of a comparison' "$bin/perf-gate compare <(cat '$sweep') <(cat '$sweep') --rules <(cat '$rules')"
through 'a verdict' "$bin/perf-gate show <(cat gate.json)"
(sleep 1; cat config.json >pipe) &
run "$bin/show-batch-config" --config pipe
exits 0 'a named pipe is read when its writer comes'
wait

# --- what is read here and there may not, nor may a file be put there
refused() { # refused WHAT PATTERN COMMAND...
    local what=$1 pattern=$2
    shift 2
    run "$@"
    refuses "$pattern" "$what is refused"
}
refused 'a checkpoint that is a pipe' 'pipe: is a pipe, not a file' \
    "$bin/segment-image" --backend plan --image a.png --image-size 64 --weights pipe
run_shell "$bin/segment-image --backend plan --image a.png --image-size 64 --weights <(cat '$checkpoint')"
refuses '/dev/fd/[0-9]+: is a pipe, not a file' 'or a substituted one'
refused 'a checkpoint that is a device' '/dev/zero: is a device, not a file' \
    "$bin/segment-image" --backend plan --image a.png --image-size 64 --weights hrnet=/dev/zero
refused 'a model file that is a pipe' 'pipe: is a pipe, not a file' \
    "$bin/segment-image" --backend torch --image a.png --model-file mine=pipe
mkfifo net.json && cp "$checkpoint" net.pt
refused 'a description of a model that is a pipe' 'net\.json: is a pipe, not a file' \
    "$bin/optimize-batch" --model-file mine=net.pt --output other.json
refused 'a trace that is a pipe' '--trace: pipe: is a pipe, not a file' \
    "$bin/test-production" --backend $sim --config config.json --trace pipe
for output in "$bin/optimize-batch --backend $sim --output" "$bin/test-production --backend $sim --config config.json --output" \
    "$segment --image a.png --output" "$segment --image a.png --overlay" "$bin/render-report $sweep --output" \
    "$bin/perf-gate record --output" "$bin/perf-gate compare $sweep $sweep --output"; do
    run $output pipe
    refuses 'pipe: is a pipe, not a file' "an output that is a pipe: ${output#"$bin/"}"
done
refused 'a results folder that is a pipe' '--results: pipe: is a pipe, not a folder' "$bin/optimize-batch" --backend $sim --results pipe
for path in /dev/zero /dev/null sock drawn; do
    kind=$([ "$path" = sock ] && echo socket || { [ "$path" = drawn ] && echo folder; } || echo device)
    refused "a config: $path" "$path: is a $kind, not a file" "$bin/show-batch-config" --config $path
    refused "what to explain: $path" "$path: is a $kind, not a file" "$bin/explain-batching" $path
    refused "settings: $path" "$path: is a $kind, not a file" "$bin/optimize-batch" --backend $sim --config $path
    refused "a verdict: $path" "$path: is a $kind, not a file" "$bin/perf-gate" show $path
    refused "rules: $path" "$path: is a $kind, not a file" "$bin/perf-gate" compare "$sweep" "$sweep" --rules $path
    [ $path = drawn ] && continue
    refused "a picture: $path" "$path: is a $kind, not a file" $segment --image $path
    refused "a record: $path" "$path: is a $kind, not a file" "$bin/render-report" $path
done

# --- a signal ends the wait for a pipe that nobody writes
mkdir configs configs/profiles && mkfifo configs/profiles/piped.json
for signal in INT TERM; do
    wrong=''
    while read -r command; do
        run timeout -s $signal -k 20 1 $command
        case $status in 124 | 130) continue ;; esac # timeout's own: the program ended of the signal
        wrong=1
        comment "exit $status, SIG$signal: $command"
    done <<LIST
$bin/show-batch-config --config pipe
$bin/explain-batching pipe
$bin/render-report pipe
$bin/perf-gate show pipe
$bin/perf-gate compare pipe $sweep
$bin/perf-gate compare $sweep $sweep --rules pipe
$bin/optimize-batch --backend $sim --config pipe
$bin/optimize-batch --backend $sim --profile piped
$bin/test-production --backend $sim --config pipe
$segment --image pipe
$segment --image a.png --config pipe
LIST
    [ -z "$wrong" ]
    ok $? "SIG$signal ends every wait for a pipe"
done
# A network that takes long to load is nothing to wait for either.
for command in "$bin/segment-image --image-size 64 --image a.png" "$bin/test-production --models hrnet --config config.json"; do
    run timeout --preserve-status -s INT -k 20 1 $command --backend sim:load_ms=60000
    exits 130 "a signal ends the loading of $(basename "${command%% *}")"
    like "$out$err" 'verdict: interrupted \(130\)$' 'with its verdict'
done
run timeout --preserve-status -s INT -k 20 1 "$bin/optimize-batch" --backend $sim --config pipe
exits 130 'with the exit code of an interrupt'
says '^verdict: interrupted \(130\)$' 'and its verdict'

# --- and a second one ends the program at once, whatever it is at
"$bin/segment-image" --quiet --backend sim:tau0_ms=600000 --image-size 64 --image a.png >/dev/null 2>&1 &
process=$!
sleep 1
kill -INT $process
sleep 0.2
kill -TERM $process 2>/dev/null
(sleep 60; kill -KILL $process) >/dev/null 2>&1 &
watchdog=$!
wait $process
status=$?
kill $watchdog 2>/dev/null
unlike "$status" '^137$' 'a second signal ends the program at once, though its run takes ten minutes'
done_testing
