#!/usr/bin/env bash
# OpenVINO's Python interface gives a BF16 result as a float16 array of the same bits: 300 reads as 3.79.
#
# Guess:     an array of ml_dtypes.bfloat16 or float32, or an error; and an input of BF16 takes a float array by value.
# Version:   openvino 2026.4.1, CPython 3.11, x86-64 Linux.
# Behaviour: numpy has no bfloat16, so float16 stands in for it in both directions, with nothing that tells but the port's
#            element type: a result's bits are to be viewed again, and a float16 array given to a BF16 input is taken by its
#            bits as well. The values look plausible: 1 reads as 1.875.
# Seen:      FP32 [1.0, 2.0, 300.0, -0.5] as bf16: float16 [1.875, 2.0, 3.793, -1.75]
#            its bits, viewed as BF16: [1.0, 2.0, 300.0, -0.5]
#            float16 [1.0, 2.0, 300.0, -0.5] given to a BF16 input: [0.0078125, 2.0, 3.9631676720860365e+17, -3.0517578125e-05]
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


def compiled(kind_in, kind_out):
    given = operations.parameter([4], kind_in)
    return openvino.Core().compile_model(openvino.Model([operations.convert(given, kind_out.get_type_name())], [given]), "CPU")


values = numpy.array([1, 2, 300, -0.5], "float32")
network = compiled(openvino.Type.f32, openvino.Type.bf16)
result = network([values])[0]
element = network.output().get_element_type().get_type_name()
print(f"FP32 {values.tolist()} as {element}: {result.dtype} {result.astype(float).round(3).tolist()}")
widened = (result.view("uint16").astype("uint32") << 16).view("float32")
print(f"its bits, viewed as BF16: {widened.tolist()}")
taken = compiled(openvino.Type.bf16, openvino.Type.f32)([values.astype("float16")])[0]
print(f"float16 {values.tolist()} given to a BF16 input: {taken.tolist()}")
sys.exit(0 if result.dtype == numpy.float16 and numpy.array_equal(widened, values) and abs(result).max() < 4 and
         taken[2] > 1e9 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
