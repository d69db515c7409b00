#!/usr/bin/env bash
# OpenVINO makes zeros of negative numbers where a convolution reads the maximum of signed bytes.
#
# Guess:     a network quantised to INT8 is a step of its scale apart from the definition, at most; and signed bytes reach a
#            convolution like unsigned ones, shifted.
# Version:   openvino 2026.4.1, CPython 3.11, x86-64 Linux, a CPU with VNNI.
# Behaviour: the CPU's convolutions take unsigned bytes. Signed ones that come out of a maximum are turned into them without the
#            shift, and what is negative becomes 0; so is a part of what the convolution reads where the maximum lies beside the
#            mean, as in attention over places (CBAM). A minimum fares alike. The mean alone is right, and so are bytes that were
#            not reduced. Where a maximum is positive, as it mostly is over many channels, nothing is seen.
# Seen:      (given)                        -2.0 -1.0  1.0  2.0
#            quantised, convolution         -2.0 -1.0  1.0  2.0
#            mean, convolution              -2.0 -1.0  1.0  2.0
#            maximum, convolution            0.0  0.0  1.0  2.0
#            maximum and mean, convolution  -1.0 -0.5  1.0  2.0
#
# It installs OpenVINO and numpy (100 MB) into a folder of its own, and wants Python 3.11 or newer and such a CPU. It ends with 0 while
# it behaves so, with 1 where it does not.
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
CHANNELS, GIVEN = 16, [-2.0, -1.0, 1.0, 2.0]


def quantised(x):
    return operations.fake_quantize(x, LEAST, MOST, LEAST, MOST, 256)


def averaging(x):
    """A convolution that hands on the mean of its channels, by weights of bytes."""
    channels = x.get_output_shape(0)[1]
    weights = operations.convert(operations.constant(numpy.full((1, channels, 1, 1), 127, "int8")), "f32")
    weights = operations.multiply(weights, numpy.float32(1 / 127 / channels))
    return operations.convolution(x, weights, [1, 1], [0, 0], [0, 0], [1, 1])


def over_channels(reduction, x):
    return reduction(x, numpy.array([1]), True)


def both(x):
    return operations.concat([over_channels(one, x) for one in (operations.reduce_max, operations.reduce_mean)], 1)


def show(name, between):
    given = operations.parameter([1, CHANNELS, 1, len(GIVEN)], numpy.float32)
    model = openvino.Model([operations.result(averaging(between(quantised(given))))], [given])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = numpy.broadcast_to(numpy.float32(GIVEN), (1, CHANNELS, 1, len(GIVEN))).copy()
    seen = [float(value) + 0.0 for value in compiled([x])[0].ravel().round(1)]
    print(f"{name:30} " + " ".join(f"{value:4.1f}" for value in seen))
    return seen


print(f"{'(given)':30} " + " ".join(f"{value:4.1f}" for value in GIVEN))
right = [
    show("quantised, convolution", lambda x: x),
    show("mean, convolution", lambda x: quantised(over_channels(operations.reduce_mean, x))),
]
wrong = [
    show("maximum, convolution", lambda x: quantised(over_channels(operations.reduce_max, x))),
    show("maximum and mean, convolution", lambda x: quantised(both(x))),
]
sys.exit(0 if right == [GIVEN] * 2 and wrong == [[0.0, 0.0, 1.0, 2.0], [-1.0, -0.5, 1.0, 2.0]] else 1)
PYTHON
python3 -W ignore "$folder/show.py"
