#!/usr/bin/env bash
# OpenVINO's CPU plugin computes int64 and float64 in 32 bits, and gives results of 64 that are not.
#
# Guess:     the type of a model's input and output is the type that is computed in, or the plugin says that it is not.
# Version:   openvino 2026.4.1 and onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: INT64 inputs are cut to their low 32 bits and products wrap, doubles are made floats; the output says int64 and
#            float64. An area in square nanometres, a count of pixels times a weight, or a time stamp in microseconds comes back
#            as another number, negative perhaps, without a word.
# Seen:      1920 * 1920 nm * 4000: OpenVINO np.int64(1860698112), ONNX Runtime np.int64(14745600000)
#            2^40 + 1: OpenVINO np.int64(1), ONNX Runtime np.int64(1099511627777)
#            1.0 + 1e-9: OpenVINO np.float64(1.0), ONNX Runtime np.float64(1.000000001)
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


cases = {"1920 * 1920 nm * 4000": ("Mul", "int64", 1920 * 1920, 4000), "2^40 + 1": ("Add", "int64", 2 ** 40, 1),
         "1.0 + 1e-9": ("Add", "float64", 1.0, 1e-9)}
wrong = []
for name, (operation, kind, first, second) in cases.items():
    element = {"int64": TensorProto.INT64, "float64": TensorProto.DOUBLE}[kind]
    model = model_of([helper.make_node(operation, ["x", "second"], ["y"])], [("x", element, [1])], [("y", element, None)],
                     {"second": numpy.array([second], kind)})
    x = numpy.array([first], kind)
    here, there = by_openvino(model, x), onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    print(f"{name}: OpenVINO {here[0]!r}, ONNX Runtime {there[0]!r}")
    assert here.dtype == there.dtype == kind and there[0] == (first * second if operation == "Mul" else first + second)
    wrong.append(here[0] != there[0])
sys.exit(0 if all(wrong) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
