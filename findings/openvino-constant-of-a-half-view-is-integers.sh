#!/usr/bin/env bash
# An OpenVINO constant made of a transposed float16 array is int16: the weights' bits as whole numbers.
#
# Guess:     openvino.opset15.constant(array) has the array's type and values whatever its strides, as for float32.
# Version:   openvino 2026.4.1, CPython 3.11, x86-64 Linux.
# Behaviour: of a float16 array that is not contiguous (a transpose, a slice, a reversal) the constant has element type int16_t
#            and its bits as values: 1.0 becomes 15360. A convert to f32 behind it, as compressed weights have, hides that, and
#            the network computes with weights of tens of thousands. float32 views and contiguous float16 are right.
# Seen:      float32 contiguous     : constant of f32, (1, 2, 3) times it = [1.0, 2.0, 4.0]
#            float32 transposed view: constant of f32, (1, 2, 3) times it = [1.0, 2.0, 4.0]
#            float16 contiguous     : constant of f16, (1, 2, 3) times it = [1.0, 2.0, 4.0]
#            float16 transposed view: constant of i16, (1, 2, 3) times it = [15360.0, 30720.0, 74752.0]
#
# It installs OpenVINO and numpy (130 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" openvino==2026.4.1 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import openvino
import openvino.opset15 as operations


def product(weights):
    given = operations.parameter([1, 3], openvino.Type.f32)
    wide = operations.convert(operations.constant(weights), "f32")
    network = openvino.Model([operations.matmul(given, wide, False, False)], [given])
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled([numpy.array([[1, 2, 3]], "float32")])[0][0].tolist()


seen = {}
for kind in ("float32", "float16"):
    stored = numpy.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 1]], kind)
    for name, weights in (("contiguous", numpy.ascontiguousarray(stored.T)), ("transposed view", stored.T)):
        element = operations.constant(weights).get_element_type().get_type_name()
        seen[kind, name] = element, product(weights)
        print(f"{kind} {name:15}: constant of {element}, (1, 2, 3) times it = {seen[kind, name][1]}")
right = [1.0, 2.0, 4.0]
element, result = seen.pop(("float16", "transposed view"))
good = all(value[1] == right for value in seen.values())
sys.exit(0 if good and element == "i16" and max(result) > 10000 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
