#!/usr/bin/env bash
# OpenVINO runs an ONNX Resize with antialias=1 as if it said 0.
#
# Guess:     the attribute is obeyed, as ONNX Runtime does, or the model is refused.
# Version:   openvino 2026.4.1 and onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: reading the model says nothing, and the result is the aliased one, linear and cubic: shrunk to a quarter, stripes
#            of 0, 0, 0, 1 come out as 0, where their mean is 0.25. A preprocessing step that was put into the model to match
#            Pillow no longer does.
# Seen:      linear antialias=0: OpenVINO [0.0, 0.0, 0.0, 0.0], ONNX Runtime [0.0, 0.0, 0.0, 0.0]
#            linear antialias=1: OpenVINO [0.0, 0.0, 0.0, 0.0], ONNX Runtime [0.156, 0.25, 0.25, 0.375]
#            cubic  antialias=0: OpenVINO [-0.094, -0.094, -0.094, -0.094], ONNX Runtime [-0.094, -0.094, -0.094, -0.094]
#            cubic  antialias=1: OpenVINO [-0.094, -0.094, -0.094, -0.094], ONNX Runtime [0.16, 0.266, 0.231, 0.348]
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


stripes = numpy.tile(numpy.array([0, 0, 0, 1], "float32"), (1, 1, 16, 4))
seen = {}
for mode in ("linear", "cubic"):
    for antialias in (0, 1):
        model = model_of([helper.make_node("Resize", ["x", "", "", "size"], ["y"], mode=mode, antialias=antialias)],
                         [("x", TensorProto.FLOAT, stripes.shape)], [("y", TensorProto.FLOAT, None)],
                         {"size": numpy.array([1, 1, 4, 4])}, opset=19)
        results = by_openvino(model, stripes), onnxruntime.InferenceSession(model).run(None, {"x": stripes})[0]
        seen[mode, antialias] = results
        print(f"{mode:6} antialias={antialias}: OpenVINO {results[0][0, 0, 0].astype(float).round(3).tolist()},",
              f"ONNX Runtime {results[1][0, 0, 0].astype(float).round(3).tolist()}")
good = all(numpy.array_equal(seen[mode, 0][0], seen[mode, 1][0]) and abs(seen[mode, 0][0] - seen[mode, 0][1]).max() < 1e-5 and
           abs(seen[mode, 1][0] - seen[mode, 1][1]).max() > 0.1 for mode in ("linear", "cubic"))
sys.exit(0 if good else 1)
PYTHON
python3 -W ignore "$folder/show.py"
