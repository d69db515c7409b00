#!/usr/bin/env bash
# OpenVINO turns what is too large for FP8 into NaN, though the model's Cast says to saturate.
#
# Guess:     Cast to FP8 with saturate=1, the default, gives the largest number of that type, as ONNX says.
# Version:   openvino 2026.4.1 and onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: the attribute is not looked at: 500 becomes NaN in E4M3 (largest 448) and 1e6 infinity in E5M2, where ONNX Runtime
#            has 448 and 57344. One activation above the calibrated range, and the picture it belongs to is NaN, or, behind a
#            ReLU, zero.
# Seen:      500, -500 and 1e6 as FLOAT8E4M3FN: OpenVINO [nan, nan, nan], ONNX Runtime [448.0, -448.0, 448.0]
#            500, -500 and 1e6 as FLOAT8E5M2  : OpenVINO [512.0, -512.0, inf], ONNX Runtime [512.0, -512.0, 57344.0]
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


values, seen = numpy.array([1, 448, 500, -500, 1e6], "float32"), {}
for kind in ("FLOAT8E4M3FN", "FLOAT8E5M2"):
    nodes = [helper.make_node("Cast", ["x"], ["small"], to=getattr(TensorProto, kind), saturate=1),
             helper.make_node("Cast", ["small"], ["y"], to=TensorProto.FLOAT)]
    model = model_of(nodes, [("x", TensorProto.FLOAT, values.shape)], [("y", TensorProto.FLOAT, None)], {}, opset=19)
    seen[kind] = by_openvino(model, values), onnxruntime.InferenceSession(model).run(None, {"x": values})[0]
    print(f"500, -500 and 1e6 as {kind:12}: OpenVINO {seen[kind][0][2:].tolist()}, ONNX Runtime {seen[kind][1][2:].tolist()}")
first, second = seen["FLOAT8E4M3FN"], seen["FLOAT8E5M2"]
good = first[1].tolist() == [1, 448, 448, -448, 448] and second[1][4] == 57344
sys.exit(0 if good and numpy.isnan(first[0][2:]).all() and numpy.isinf(second[0][4]) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
