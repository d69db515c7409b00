#!/usr/bin/env bash
# Two quantised linear layers in a row are garbage in OpenVINO in a small batch, and right in a larger one.
#
# Guess:     a row's result does not depend on how many rows come with it; and a network quantised to INT8 is a step of its scale
#            apart from the definition, at most.
# Version:   openvino 2026.4.1, CPython 3.11, x86-64 Linux, a CPU with VNNI.
# Behaviour: where a thread has up to eight rows, layers that quantise their input, and whose sizes are small, are fused into one
#            loop, and that reads numbers that nobody wrote: the results are in the billions, infinite or NaN. With sixteen rows
#            they are computed one by one, and are right; so is a single layer. Attention over channels, and the head of a
#            classifier, have this form. A server that runs a picture in each thread meets it; a check with large batches does
#            not.
# Seen:      two layers, rows  1: garbage
#            two layers, rows  4: garbage
#            two layers, rows  8: garbage
#            two layers, rows 16: right
#            one layer,  rows  1: right
#
# It installs OpenVINO and numpy (100 MB) into a folder of its own, and wants Python 3.11 or newer and such a CPU. It ends with 0
# while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" openvino==2026.4.1 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import openvino
from openvino import opset13 as operations

# Signed bytes: the step, the least and the largest value.
STEP = 4 / 127
LEAST, MOST = numpy.float32(-128 * STEP), numpy.float32(127 * STEP)


def quantised(x):
    return operations.fake_quantize(x, LEAST, MOST, LEAST, MOST, 256)


def bytes_of(weights):
    scales = abs(weights).max(1, keepdims=True) / 127
    return numpy.rint(weights / scales).astype("int8"), scales


def layer(x, weights):
    values, scales = bytes_of(weights)
    return operations.matmul(x, operations.multiply(operations.convert(operations.constant(values), "f32"), scales), False, True)


def exact_layer(x, weights):
    values, scales = bytes_of(weights)
    steps = numpy.rint(x.clip(LEAST, MOST) / STEP)
    return (steps * STEP) @ (values * scales.astype("float64")).T


def show(layers, rows):
    random = numpy.random.default_rng(0)
    sizes = (64, 16, 64)[: layers + 1]
    weights = [random.normal(size=(b, a)).astype("float32") / numpy.float32(a**0.5) for a, b in zip(sizes, sizes[1:])]
    x = random.normal(size=(rows, sizes[0])).astype("float32")
    given = operations.parameter([rows, sizes[0]], numpy.float32)
    y, exact = given, x.astype("float64")
    for one in weights:
        y, exact = layer(quantised(y), one), exact_layer(exact, one)
    model = openvino.Model([operations.result(y)], [given])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    off = abs(openvino.Core().compile_model(model, "CPU", settings)([x])[0] - exact).max()
    word = "right" if off < 0.1 else "garbage" if not off < 100 else f"off by {off:.3f}"
    print(f"{('one layer, ', 'two layers,')[layers - 1]} rows {rows:2}: {word}")
    return word


seen = [show(2, rows) for rows in (1, 4, 8, 16)] + [show(1, 1)]
sys.exit(0 if seen == ["garbage"] * 3 + ["right"] * 2 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
