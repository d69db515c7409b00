#!/usr/bin/env bash
# ONNX Runtime's linear Resize of a uint8 picture cuts fractions off: half a gray level darker on average.
#
# Guess:     a byte is the nearest to the interpolated value, as OpenCV, Pillow and OpenVINO have it.
# Version:   onnxruntime 1.32.0 and openvino 2026.4.1, CPython 3.11, x86-64 Linux.
# Behaviour: the float result is cast, not rounded: mean error -0.5 and largest almost -1, where rounding has 0 and 0.5. A model
#            whose first steps resize the bytes of a camera is fed darker pictures than in training, and another runtime gives
#            other masks at the edge of the threshold.
# Seen:      64 to 160 pixels, ONNX Runtime: off by -0.49 on average, from -1.00 to +0.00
#            64 to 160 pixels, OpenVINO    : off by +0.00 on average, from -0.50 to +0.50
#            64 to  48 pixels, ONNX Runtime: off by -0.49 on average, from -1.00 to +0.00
#            64 to  48 pixels, OpenVINO    : off by -0.00 on average, from -0.50 to +0.50
#
# It installs these packages (250 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper


def model_of(nodes, inputs, outputs, constants, opset=17):
    graph = helper.make_graph(nodes, "shown", [helper.make_tensor_value_info(*one) for one in inputs],
                              [helper.make_tensor_value_info(*one) for one in outputs],
                              [numpy_helper.from_array(values, name) for name, values in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10).SerializeToString()


def by_openvino(model, *inputs):
    compiled = openvino.Core().compile_model(openvino.Core().read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(inputs)[0]


picture, off = numpy.random.default_rng(0).integers(0, 256, (1, 1, 64, 64), "uint8"), {}
for size in (160, 48):
    constants = {"size": numpy.array([1, 1, size, size])}
    bytes_model = model_of([helper.make_node("Resize", ["x", "", "", "size"], ["y"], mode="linear")],
                           [("x", TensorProto.UINT8, picture.shape)], [("y", TensorProto.UINT8, None)], constants)
    float_model = model_of([helper.make_node("Resize", ["x", "", "", "size"], ["y"], mode="linear")],
                           [("x", TensorProto.FLOAT, picture.shape)], [("y", TensorProto.FLOAT, None)], constants)
    exact = onnxruntime.InferenceSession(float_model).run(None, {"x": picture.astype("float32")})[0]
    for name, resized in (("ONNX Runtime", onnxruntime.InferenceSession(bytes_model).run(None, {"x": picture})[0]),
                          ("OpenVINO", by_openvino(bytes_model, picture))):
        error = resized.astype("float64") - exact
        off[name, size] = error.mean(), error.min(), error.max()
        print(f"64 to {size:3} pixels, {name:12}: off by {error.mean():+.2f} on average,",
              f"from {error.min():+.2f} to {error.max():+.2f}")
good = all(off["ONNX Runtime", size][0] < -0.4 and off["ONNX Runtime", size][2] < 0.01 and abs(off["OpenVINO", size][0]) < 0.05
           for size in (160, 48))
sys.exit(0 if good else 1)
PYTHON
python3 -W ignore "$folder/show.py"
