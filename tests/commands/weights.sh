#!/usr/bin/env bash
# A user's checkpoint from --weights to the config and the load test, with the compiled plan, which needs no libtorch:
# what was measured is what is served, and a file that was changed since is noticed.
. tests/lib/tap.sh
tests=$PWD/${O:-build}/tests
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo || skip_all 'the compiled plan needs AVX2'
RUN_TIMEOUT_S=300
fixtures=$PWD/tests/checkpoints
shim=$PWD/shim/python
cd "$scratch" || exit 1
# The numbers are random: how far two precisions agree on masks made with them says nothing. Where nothing is asked
# of the verdict, little is measured.
tune() {
    run "$bin/optimize-batch" --quiet --backend plan --device cpu --precision fp32 --image-size 64 --batches 1 --instances 1 \
        --p95-sla-ms 60000 --min-mask-iou 0 --output c.json --time-budget "${budget:-8s}" "$@"
}

"$tests/write-checkpoint" cbam_resunet counter:7 cbam.safetensors
tune --models cbam_resunet --weights counter:7
hash=$(json c.json configurations.cbam_resunet.weights.hash)
budget=100s tune --models cbam_resunet --weights cbam_resunet=cbam.safetensors
exits 0 'a checkpoint is tuned'
is "$(json c.json configurations.cbam_resunet.weights.source)" cbam.safetensors 'the config names its file'
is "$(json c.json configurations.cbam_resunet.weights.path)" "$scratch/cbam.safetensors" 'by its whole path'
is "$(json c.json configurations.cbam_resunet.weights.hash)" "$hash" 'the same numbers from elsewhere have its hash'

weights_said() {
    run "$bin/show-batch-config" --config c.json --verify --format json
    printf '%s\n' "$out" >shown.json
    json shown.json check.models.cbam_resunet.weights
}
like "$(weights_said)" 'cbam\.safetensors: the same contents, by hash' 'show-batch-config compares the file'
cd / || exit 1
run "$bin/test-production" --quiet --tolerate-cores 1024 --config "$scratch/c.json" --scenarios single --duration 2s \
    --results "$scratch/results" --plots "$scratch/plots"
[ "$status" = 0 ] || [ "$status" = 4 ] # 4: two seconds need not prove anything on a busy machine
ok $? 'the load test finds the file again, from anywhere'
like "$(json "$(ls -d "$scratch"/results/*-test)/record.json" models.0.weights)" 'cbam\.safetensors' 'and says that it served it'
cd "$scratch" || exit 1
printf 'X' | dd of=cbam.safetensors bs=1 seek=100000000 conv=notrunc 2>/dev/null
like "$(weights_said)" 'cbam\.safetensors: the same size, but other contents' 'a changed byte is noticed'
"$bin/../tests/draw-spheroids" --seed 1 --size 64 --output . >/dev/null
segment() {
    run "$bin/segment-image" --backend plan --config c.json --models cbam_resunet --image 0.png --image-size 64 --quiet "$@"
}
changed='other weights than those that were measured'
segment
exits 0 'and served all the same'
like "$err" "warning: cbam_resunet: $changed: $scratch/cbam\.safetensors has changed since" 'but not without a word'
segment --weights cbam.safetensors
unlike "$err" "$changed" 'unless they were asked for'
run "$bin/test-production" --quiet --tolerate-cores 1024 --config c.json --scenarios single --duration 2s
like "$err" "warning: cbam_resunet: $changed" 'the load test says so too'
like "$out" "warning .*$changed" 'and its report'
if find_python; then
    run env BATCHTUNE_LIBRARY="${tests%/*}/lib/libbatchtune.so.0" PYTHONPATH="$shim" PYTHONDONTWRITEBYTECODE=1 "$python" -c '
import batchtune
with batchtune.Service("c.json") as s:
    print(s.models["cbam_resunet"].changed_weights)'
    is "$out" True 'Python can ask'
    like "$err" "ChangedWeightsWarning: cbam_resunet: $changed" 'and is warned'
else
    skip 2 'no Python here has numpy'
fi
"$tests/write-checkpoint" cbam_resunet counter:7 cbam.safetensors
segment
unlike "$err" "$changed" 'the same numbers, written anew, are no others'

# A file may be called like a list; Lightning calls them so.
"$tests/write-checkpoint" cbam_resunet counter:7 epoch=3-val=0.1.ckpt
run "$bin/optimize-batch" --quiet --backend sim:tau0_ms=4,alpha_ms=2 --models cbam_resunet --batches 1 --output s.json \
    --weights epoch=3-val=0.1.ckpt
exits 0 'a file whose name looks like NAME=FILE is taken'
run "$bin/segment-image" --backend plan --models cbam_resunet --image 0.png --image-size 64 --weights epoch=3-val=0.1.ckpt --quiet
exits 0 'by segment-image too'
like "$out" '"weights":"epoch=3-val=0.1.ckpt"' 'and says so'

# Two of them in one file, under prefixes: the same one again, and another.
"$tests/write-checkpoint" cbam_resunet counter:7 two.safetensors model counter:8 ema
tune --models cbam_resunet --weights two.safetensors
like "$err" 'warning: CBAM-ResUNet: two.safetensors holds the network several times: "model" was taken; there is "ema" too: FILE:ema is that' 'which of two was taken is said'
is "$(json c.json configurations.cbam_resunet.weights.source)" two.safetensors:model 'and stands in the config'
is "$(json c.json configurations.cbam_resunet.weights.hash)" "$hash" 'with its hash'
tune --models cbam_resunet --weights cbam_resunet=two.safetensors:ema
unlike "$err" 'several times' 'one that is asked for is not asked about'
is "$(json c.json configurations.cbam_resunet.weights.path)" "$scratch/two.safetensors:ema" 'the config keeps its place'
unlike "$(json c.json configurations.cbam_resunet.weights.hash)" "^$hash\$" 'and has its numbers'
like "$(weights_said)" 'two\.safetensors:ema: the same contents, by hash' 'show-batch-config finds the file'
run "$bin/segment-image" --backend plan --config c.json --models cbam_resunet --image 0.png --image-size 64 --quiet
exits 0 'segment-image takes it from the config'
like "$out" '"weights":"two.safetensors:ema"' 'and says so'
tune --models cbam_resunet --weights two.safetensors:best
refuses 'two\.safetensors: no tensor of CBAM-ResUNet.s lies under "best", but under "model", "ema"' 'a place that is not there is refused with those that are'

tune --models hrnet --weights hrnet=cbam.safetensors
refuses 'cbam\.safetensors: 9[0-9][0-9] of HRNet.s 921 tensors are missing, .*it holds .init_conv. .3 tensors., .downs. .45 tensors.' 'another network'"'"'s checkpoint is refused by a tensor'"'"'s name'
tune --models hrnet --weights "$fixtures/hostile.pth"
refuses 'hostile\.pth: holds a Python object, posix\.system' 'a hostile file is refused'
tune --models hrnet --weights hrnet=absent.pth
refuses '"absent\.pth": there is no such file' 'an absent file is named'
run "$bin/test-production" --config c.json --weights resnet=cbam.safetensors --results nowhere
refuses '^test-production: --weights: "resnet" is no model here; there is cbam_resunet' 'an unknown model is named, by the load test'
tune --models hrnet --weights resnet=cbam.safetensors
refuses '^optimize-batch: --weights: "resnet" is no model here; there is hrnet' 'and by the tuner'
tune --models hrnet --weights hrnet=
refuses '"hrnet=" names nothing' 'an empty source is refused'
done_testing
