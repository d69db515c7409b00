#!/usr/bin/env bash
# A picture minus its background, in bytes, is black where it is darker by OpenVINO and white by ONNX Runtime.
#
# Guess:     Add, Sub and Mul of uint8 give the same numbers in both runtimes, since the model is the same.
# Version:   openvino 2026.4.1 and onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: ONNX Runtime wraps as numpy does, 20 - 100 = 176; OpenVINO saturates as OpenCV does, 20 - 100 = 0. ONNX allows the
#            types and says nothing of overflow. Neither warns, and a model tested in one has bright halos in the other.
# Seen:      Sub of [20, 120, 200] and 100: OpenVINO [0, 20, 100], ONNX Runtime [176, 20, 100]
#            Add of [20, 120, 200] and 100: OpenVINO [120, 220, 255], ONNX Runtime [120, 220, 44]
#            Mul of [20, 120, 200] and 100: OpenVINO [255, 255, 255], ONNX Runtime [208, 224, 32]
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


picture, background, seen = numpy.array([20, 120, 200], "uint8"), numpy.array([100, 100, 100], "uint8"), {}
for operation in ("Sub", "Add", "Mul"):
    model = model_of([helper.make_node(operation, ["x", "background"], ["y"])], [("x", TensorProto.UINT8, [3])],
                     [("y", TensorProto.UINT8, None)], {"background": background})
    session = onnxruntime.InferenceSession(model)
    seen[operation] = by_openvino(model, picture).tolist(), session.run(None, {"x": picture})[0].tolist()
    print(f"{operation} of {picture.tolist()} and 100: OpenVINO {seen[operation][0]}, ONNX Runtime {seen[operation][1]}")
wanted = {"Sub": ([0, 20, 100], [176, 20, 100]), "Add": ([120, 220, 255], [120, 220, 44]),
          "Mul": ([255, 255, 255], (picture * background).tolist())}
sys.exit(0 if seen == wanted else 1)
PYTHON
python3 -W ignore "$folder/show.py"
