#!/usr/bin/env bash
# A network of one's own in an ONNX file, as it comes from anywhere: run, tuned, tested and shown like the built-in ones, its
# maps those that the reference of ONNX computes; and what is wrong with one, in a line.
. tests/lib/tap.sh
[ -e .deps/onnx.stamp ] || skip_all 'ONNX Runtime is not set up: make deps-onnx'
root=$PWD
programs=$PWD/$bin
forward=$PWD/${O:-build}/tests/model-forward

cat >"$scratch/networks.py" <<'PYTHON'
import json
import os
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

folder, random = sys.argv[1], numpy.random.default_rng(int(sys.argv[2]))
FLOAT, HALF, BYTE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


def weights(name, *shape, kind="float32", scale=1.0):
    return numpy_helper.from_array((scale * random.normal(size=shape)).astype(kind), name)


def node(kind, inputs, outputs, **settings):
    return helper.make_node(kind, inputs.split(), outputs.split(), **settings)


def conv(inputs, output, size=3, **settings):
    return node("Conv", inputs, output, pads=[size // 2] * 4, **settings)


def make(name, nodes, constants, takes=("n", 3, "h", "w"), type_in=FLOAT, outputs=(("y", FLOAT),), opset=17, inputs=(), **said):
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", type_in, takes), *inputs],
                              [helper.make_tensor_value_info(n, t, None) for n, t in outputs], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, f"{folder}/{name}.onnx")
    if said:
        json.dump(said, open(f"{folder}/{name}.json", "w"))
    return model


def wanted(name, model, x, number=0):
    y = ReferenceEvaluator(model).run(None, {"x": x})[number].astype("float32")
    if y.ndim == 4 and y.shape[3] != 48:  # bilinear, between the centres of pixels
        y = numpy.stack([[enlarged(plane, 48 // y.shape[3]) for plane in image] for image in y]).astype("float32")
    numpy.ascontiguousarray(y).tofile(f"{folder}/{name}.wanted")


def enlarged(plane, factor):
    def lines(a):
        at = (numpy.arange(a.shape[0] * factor) + 0.5) / factor - 0.5
        low = numpy.clip(numpy.floor(at).astype(int), 0, a.shape[0] - 1)
        high = numpy.clip(low + (at >= 0), 0, a.shape[0] - 1)
        part = numpy.where(at < 0, 0, at - low)[:, None]
        return a[low] * (1 - part) + a[high] * part

    return lines(lines(plane.astype("float64")).T).T


x = random.normal(size=(3, 3, 32, 48)).astype("float32")
grey = x.mean(1, keepdims=True)
pixels = random.integers(0, 256, size=(3, 3, 32, 48), dtype="uint8")
x.tofile(f"{folder}/x.f32")
(pixels / 255).astype("float32").tofile(f"{folder}/pixels.f32")

body = [conv("x a", "p"), node("Relu", "p", "q"), conv("q b", "y")]
ab = [weights("a", 6, 3, 3, 3), weights("b", 3, 6, 3, 3)]
wanted("three", make("three", body, ab), x)
two = make("two", body, ab, takes=(2, 3, 32, 48))
numpy.concatenate([ReferenceEvaluator(two).run(None, {"x": part})[0] for part in (x[:2], x[[2, 2]])])[:3].tofile(f"{folder}/two.wanted")
make("square", body, ab, takes=("n", 3, 32, 32))

grey_nodes = [conv("x a1", "p"), node("Relu", "p", "q"), node("MaxPool", "q", "r", kernel_shape=[2, 2], strides=[2, 2]),
              conv("r b1", "s"), node("ConvTranspose", "s c1", "t", strides=[2, 2]), node("Concat", "q t", "u", axis=1),
              conv("u d1", "y", 1)]
unet = make("unet", grey_nodes, [weights("a1", 4, 1, 3, 3), weights("b1", 8, 4, 3, 3), weights("c1", 8, 4, 2, 2),
                                weights("d1", 2, 8, 1, 1)], takes=("n", 1, "h", "w"))
wanted("unet", unet, grey)
small_nodes = [conv("x a", "p", strides=[2, 2]), node("Tanh", "p", "features"), conv("features b", "scores")]
small = make("small", small_nodes, ab, outputs=(("features", FLOAT), ("scores", FLOAT)), output="scores")
wanted("small", small, x, 1)
half = [weights("h", 2, 3, 3, 3, kind="float16")]
wanted("half", make("half", [conv("x h", "y")], half, type_in=HALF, outputs=(("y", HALF),)), x.astype("float16"))
to_float = [node("Cast", "x", "f", to=FLOAT), conv("f a", "y")]
wanted("bytes", make("bytes", to_float, [weights("a", 2, 3, 3, 3, scale=0.01)], type_in=BYTE, mean=[0, 0, 0], std=[1, 1, 1]), pixels)
scale, zero = numpy_helper.from_array(numpy.float32(0.05), "s"), numpy_helper.from_array(numpy.uint8(128), "z")
quantised = [node("QuantizeLinear", "x s z", "i"), node("DequantizeLinear", "i s z", "f"), conv("f a", "p"),
             node("Relu", "p", "q"), conv("q b", "y")]
wanted("quantised", make("quantised", quantised, [*ab, scale, zero], opset=19), x)
flat = [conv("x h", "p"), node("Squeeze", "p one", "y")]
one = numpy_helper.from_array(numpy.array([1]), "one")
wanted("flat", make("flat", flat, [weights("h", 1, 3, 3, 3), one]), x)

def last_wanted(model):
    numpy.ascontiguousarray(ReferenceEvaluator(model).run(None, {"x": x})[0].transpose(0, 3, 1, 2)).tofile(f"{folder}/lastly.wanted")


last_wanted(make("lastly", [conv("x a", "p"), node("Relu", "p", "q"), conv("q b", "t"), node("Transpose", "t", "y", perm=[0, 2, 3, 1])], ab))
padded = make("padded", body, ab, pad_to_multiple=64)
edges = numpy.pad(x, ((0, 0), (0, 0), (0, 32), (0, 16)), "edge")
numpy.ascontiguousarray(ReferenceEvaluator(padded).run(None, {"x": edges})[0][:, :, :32, :48]).tofile(f"{folder}/padded.wanted")
make("unknown", [node("Nonsense", "x", "y")], [])
make("later", body, ab, opset=999)
make("four", [conv("x a", "y")], [weights("a", 1, 4, 3, 3)], takes=("n", 4, "h", "w"))
last_nodes = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), conv("t a", "p", strides=[2, 2]), node("Transpose", "p", "y", perm=[0, 2, 3, 1])]
last = make("last", last_nodes, [weights("a", 4, 3, 3, 3)], takes=("n", "h", "w", 3), pad_to_multiple=40)
edges = numpy.pad(x, ((0, 0), (0, 0), (0, 8), (0, 32)), "edge").transpose(0, 2, 3, 1)
planes = ReferenceEvaluator(last).run(None, {"x": edges})[0].transpose(0, 3, 1, 2)
numpy.array([[enlarged(plane, 2)[:32, :48] for plane in image] for image in planes], "float32").tofile(f"{folder}/last.wanted")
make("pair", [node("Add", "x mask", "y")], [], inputs=[helper.make_tensor_value_info("mask", FLOAT, ("n", 3, "h", "w"))])
make("whole", [conv("x a", "p"), node("Cast", "p", "y", to=TensorProto.INT64)], ab[:1], outputs=(("y", TensorProto.INT64),))
make("vector", [node("GlobalAveragePool", "x", "y")], [])
shape = numpy_helper.from_array(numpy.array([1, 3, 32, 48]), "shape")
make("alone", [conv("x a", "p"), node("Reshape", "p shape", "y")], [weights("a", 3, 3, 3, 3), shape])
onnx.save(make("beside", body, ab), f"{folder}/beside.onnx", save_as_external_data=True, location="beside.data", size_threshold=0)
with open(f"{folder}/three.onnx", "rb") as file:
    whole = file.read()
open(f"{folder}/cut.onnx", "wb").write(whole[: len(whole) // 2])
open(f"{folder}/text.onnx", "w").write("not a network at all\n")
os.link(f"{folder}/three.onnx", f"{folder}/three.pt")
PYTHON
seed=${SEED:-20261129}
run tools/setup/onnx-python -W ignore "$scratch/networks.py" "$scratch" "$seed"
exits 0 'networks are made' || comment "$err"
cd "$scratch" || exit 1

# maps NAME [PATH [BATCH]]: runs it on the first of the same numbers.
maps() {
    local input=x.f32
    [ "$1" != bytes ] || input=pixels.f32
    run "$forward" --model "$1" --model-file "${file:-$1.onnx}" --input "$input" --shape "${3:-3},3,32,48" --output "$1.given" \
        --path "${2:-standard}" --threads "${threads:-1}"
}
# same NAME: of the largest difference, whether it is small.
same() {
    python3 - "$1" "${2:-1e-4}" <<'PYTHON'
import array
import sys

given, wanted = (array.array("f", open(f"{sys.argv[1]}.{kind}", "rb").read()) for kind in ("given", "wanted"))
if len(given) != len(wanted):
    sys.exit(f"{len(given)} numbers, {len(wanted)} wanted")
most = max(abs(a - b) / (1 + abs(b)) for a, b in zip(given, wanted))
sys.exit(None if most < float(sys.argv[2]) else f"differs by {most}")
PYTHON
}
for name in three two unet small bytes quantised flat lastly padded last; do
    maps "$name"
    exits 0 "$name is taken"
    same "$name"
    ok $? "its maps are those of ONNX's reference" || comment "seed $seed"
    printf '%s\n' "$out" >"$name.said"
    [ "$name" != quantised ] || continue
    threads=2 maps "$name" production
    same "$name"
    ok $? 'on the production path, too'
done
maps half
same half 0.01
ok $? 'a network of halves is taken'
says 'computes in what is in its file: FP16' 'and said to be one'
says_of() { like "$(cat "$1.said")" "$2" "$3"; }
says_of three '^onnxruntime [0-9.]+ \(CPU provider\) on cpu.*, baked' 'what runs it is told'
says_of three 'gives 3 classes: its mask is where it is not the first' 'and what was found out'
says_of unet 'takes pictures of one channel, the mean of the three' 'one channel goes in where the file says so'
says_of small 'its map is smaller by 2 and is enlarged' 'a smaller map is enlarged'
says_of quantised 'computes in what is in its file: INT8 and FP32 \(quantised\)' 'a quantised network is said to be so'
says_of last 'takes its channels last \("layout": "NHWC"\)' 'channels that come last, too'
is "$(grep -c '^found' flat.said)" 0 'of what is as usual nothing is said'
run "$forward" --model three --model-file three.onnx --backend onnx --counter-input x --shape 1,3,32,48
exits 0 'it has a name as a backend, too'

# --- from the file to a tuned config, served
tune() { run "$programs/optimize-batch" --quiet --threads 1 --instances 1 --output c.json --min-mask-iou 0 "$@"; }
tune --model-file 'three=three.onnx,two=two2.onnx,square=square.onnx' --batches 1
refuses 'two: there is no such file "two2\.onnx"' 'a file that is not there'
tune --model-file square=square.onnx,unet=unet.onnx --image-size 32 --batches 1,2 --time-budget 15s
like "$status" '^[04]$' 'two files are tuned'
is "$(json c.json .configurations.square.model_file)" "$scratch/square.onnx" 'the config keeps the file from the root'
is "$(json c.json .configurations.unet.image_size)" 32 'at the size asked for'
like "$(json "$(ls -d results/*/)record.json" .models.0.precision)" baked "the precision is the file's own"
tune --model-file two=two.onnx --batches 4
refuses -- '--batches: two takes batches of 2 alone|--image-size: two: two.onnx takes images of 32 x 48 pixels' 'a batch size or image size that it does not take'
run "$programs/test-production" --quiet --config c.json --models square --scenarios single --duration 1s
like "$status" '^[034]$' 'test-production serves it from the config'
"${programs%/bin}"/tests/draw-spheroids --seed 5 --size 32 --output . >/dev/null
run "$programs/segment-image" --quiet --model-file unet=unet.onnx --image 0.png --image-size 32
exits 0 'segment-image takes it without a config'

# --- what is wrong with a file, in a line
refused() {
    maps "$1" production
    refuses "$2" "$3"
}
refused unknown 'unknown\.onnx: .*Nonsense' 'an operator that there is not'
refused later 'later\.onnx: .*opset 999' 'operators of a later version'
refused four 'four\.onnx: takes images of any x 4 x any x any; N x C x H x W or N x H x W x C is wanted, C being 3 or 1' 'other channels'
refused pair 'pair\.onnx: takes 2 inputs \("x", "mask"\); one is wanted, the images' 'a second input'
refused whole 'whole\.onnx: gives numbers of type int64; floating-point logits are wanted' 'whole numbers'
refused vector 'vector\.onnx: gives 1 x 3 x 1 x 1 for images of 1 x 3 x 32 x 48; N x classes x H x W is wanted' 'no map'
echo '{"dtype": "uint8"}' >three.json
refused three 'three\.onnx: takes numbers of type float32; its JSON file says "dtype": "uint8"' 'other numbers than are said'
rm three.json
maps alone
says_error 'alone\.onnx: ' 'a batch of one alone in the file' && is "$status" 1 'is an error of the run'
file=cut.onnx maps cut
says_error 'cut\.onnx: an ONNX file that is broken or cut short' 'a file cut short'
file=text.onnx maps text
says_error 'text\.onnx: is no ONNX file' 'another file'
file=three.pt maps three
says_error 'three\.pt: an ONNX network: its name must end in \.onnx' 'the wrong ending'
maps beside
same three
ok $? 'weights beside the file are found'
rm beside.data
maps beside
says_error 'beside\.onnx: its weights lie in "beside\.data", which is not beside it' 'or missed'
run env BATCHTUNE_ONNXRUNTIME=/nowhere/lib.so "$forward" --model three --model-file three.onnx --shape 1,3,32,48
refuses 'BATCHTUNE_ONNXRUNTIME does not load: run `make deps-onnx`' 'no library'
run "$forward" --model hrnet --backend onnx --shape 1,3,32,32
refuses 'hrnet is no ONNX file, which ONNX Runtime wants: give --backend torch or plan' 'a built-in network'
run "$programs/optimize-batch" --quiet --model-file three=three.onnx --precision bf16 --output c.json
refuses -- '--precision: three computes in what is in its file' 'another precision'
done_testing
