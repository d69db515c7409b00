#!/usr/bin/env bash
# Networks that people have, from the libraries that they have them from, each exported as docs/models-and-weights.md has
# it, but with random weights: the classes of pixels are those of PyTorch's own argmax; and each is tuned, put under load and
# served, where its labels are those again.
. tests/lib/tap.sh
. tests/lib/serving.sh
[ -e .deps/networks.stamp ] || skip_all "the networks' libraries are not set up: make deps-networks"
# The networks' own folder counts, and an installed Python's torch has what that Python has.
tools/setup/torch-python -c 'import importlib.util as u, sys
sys.exit(not all(map(u.find_spec, ("torchvision", "segmentation_models_pytorch", "timm", "monai", "dynamic_network_architectures"))))' ||
    skip_all 'the Python that has torch has not the libraries of the networks'
script=tools/python/export_networks.py
page=$PWD/docs/models-and-weights.md
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
forward=${bin%/bin}/tests/model-forward
made=${bin%/bin}/networks
names='fcn deeplabv3 lraspp smp_unet smp_fpn timm monai nnunet unet' onnx=''
[ ! -e .deps/onnx.stamp ] || onnx=unet_as_onnx

# Importing the libraries takes half a minute of a core, so that what is newer than the script is kept.
if [ ! "$made/done" -nt "$script" ] || [ ! "$made/done" -nt .deps/networks.wheels ]; then
    rm -rf "$made"
    RUN_TIMEOUT_S=800 run tools/setup/torch-python "$script" "$made" --names "${names// /,}" --size 32 --onnx
    exits 0 'every network is exported'
    [ "$status" = 0 ] || {
        done_testing
        exit 1
    }
    printf '%s\n' "$out" >"$made/done"
fi
while read -r line; do
    grep -q -F -e "$line" "$page"
    ok $? "the page has: $line"
done < <(tools/setup/torch-python -c 'import ast, sys
for node in ast.parse(open(sys.argv[1]).read()).body:
    if isinstance(node, ast.Assign) and node.targets[0].id == "LINES":
        for value in node.value.values: print(value.elts[0].value)' "$script" | grep -v PlainConvUNet)
cd "$scratch" || exit 1

# alike NAME PATH: the share of pixels whose class is PyTorch's, of two pictures of 32 x 32.
alike() {
    python3 - "$scratch/$1.$2" "$made/$1.argmax" <<'PYTHON'
import array
import sys

planes, wanted = array.array("f", open(sys.argv[1], "rb").read()), open(sys.argv[2], "rb").read()
pixels = len(wanted) // 2
classes = len(planes) // len(wanted)
same = 0
for image in (0, 1):
    of = [planes[(image * classes + c) * pixels : (image * classes + c + 1) * pixels] for c in range(classes)]
    for i in range(pixels):
        values = [plane[i] for plane in of]
        same += values.index(max(values)) == wanted[image * pixels + i]
print(f"{same / len(wanted):.5f}")
PYTHON
}
for name in $names; do
    for path in standard production; do
        run "$forward" --model "$name" --model-file "$made/$name.pt" --input "$made/x.f32" --shape 2,3,32,32 --path $path --precision fp32 \
            --output "$name.$path"
        [ $path = standard ] || continue
        exits 0 "$name is opened"
        printf '%s\n' "$out" | sed -n 's/^found: /# found: /p'
    done
    share=$(alike "$name" standard)
    awk -v share="${share:-0}" 'BEGIN { exit !(share >= 0.999) }'
    ok $? "and its classes are PyTorch's in 99.9 % of the pixels"
    comment "$name: $share of the pixels alike on the standard path, $(alike "$name" production) on the production path"
done

# --- tuned, under load, served

# labels_of NAME: the share of both images' pixels whose class, as the service at $url answers it, is PyTorch's.
labels_of() {
    python3 - "$url" "$1" "$made" <<'PYTHON'
import json
import sys
import urllib.request

url, name, made = sys.argv[1:]
values, wanted = open(f"{made}/x.f32", "rb").read(), open(f"{made}/{name.split('_as_')[0]}.argmax", "rb").read()
head = json.dumps({
    "inputs": [{"name": "image", "datatype": "FP32", "shape": [2, 3, 32, 32],
                "parameters": {"binary_data_size": len(values)}}],
    "outputs": [{"name": "labels", "parameters": {"binary_data": True}}],
}).encode()
request = urllib.request.Request(f"{url}/v2/models/{name}/infer", head + values,
                                 {"Inference-Header-Content-Length": str(len(head))})
with urllib.request.urlopen(request) as answer:
    labels = answer.read()[int(answer.headers["Inference-Header-Content-Length"]):]
assert len(labels) == len(wanted), len(labels)
print(f"{sum(map(int.__eq__, labels, wanted)) / len(wanted):.5f}")
PYTHON
}
"${bin%/bin}"/tests/draw-spheroids --seed 5 --size 32 --output . >/dev/null
for name in $names $onnx; do
    file=$made/$name.pt precision='--precision fp32'
    [ $name != unet_as_onnx ] || file=$made/unet.onnx precision=''
    run "$bin/optimize-batch" --quiet --model-file "$name=$file" --image-size 32 --batches 1,2 --threads 1 --instances 1 \
        $precision --time-budget 4s --min-mask-iou 0 --output "$name.json"
    like "$status" '^[04]$' "$name is tuned" || comment "$err"
    run "$bin/test-production" --quiet --config "$name.json" --scenarios single --duration 1s
    like "$status" '^[034]$' 'and put under load' || comment "$err"
    serve "$name" --config "$name.json"
    ok $? 'and served' || comment "$(cat "$name.err")"
    share=$(labels_of "$name")
    awk -v share="${share:-0}" 'BEGIN { exit !(share >= 0.999) }'
    ok $? "its labels are PyTorch's in 99.9 % of the pixels"
    comment "$name: $share of the pixels alike as served"
    run curl --fail --silent "$url/segment/$name" --data-binary @0.png
    says '"polygons"' 'and it answers for a picture'
    kill "$server"
    ends 0 'and ends when it is told to'
done
done_testing
