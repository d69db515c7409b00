#!/usr/bin/env bash
# A NaN that goes into OpenVINO's ReLU comes out as 0, so that a broken picture has a clean, empty mask.
#
# Guess:     a NaN goes through a network to its result, as in numpy, PyTorch and ONNX Runtime, where a check of the result
#            finds it.
# Version:   openvino 2026.4.1 and onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: Relu, Clip, HardSigmoid, Max and Min with a constant give 0 or a bound for NaN, and Exp gives infinity; Sigmoid,
#            LeakyRelu and Tanh keep it. In convolution, instance norm, ReLU, 1 × 1 convolution, one NaN pixel makes ONNX
#            Runtime's whole result NaN, OpenVINO's all finite and all the same.
# Seen:      of NaN, OpenVINO:  Relu 0, Clip 0, HardSigmoid 1, Max 0, Min 6, Exp inf, Sigmoid nan, LeakyRelu nan, Tanh nan
#            one NaN pixel: OpenVINO's result has 0 NaN of 256, from 0.0 to 0.0; ONNX Runtime's 256
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


def bounds_of(name):
    return {"Clip": ["low", "high"], "Max": ["low"], "Min": ["high"]}.get(name, [])


seen = {}
x, shape = numpy.full((1, 1, 4, 4), numpy.nan, "float32"), ["n", "c", "h", "w"]
for name in ("Relu", "Clip", "HardSigmoid", "Max", "Min", "Exp", "Sigmoid", "LeakyRelu", "Tanh"):
    model = model_of([helper.make_node(name, ["x", *bounds_of(name)], ["y"])],
                     [("x", TensorProto.FLOAT, shape)], [("y", TensorProto.FLOAT, None)],
                     {bound: {"low": numpy.float32(0), "high": numpy.float32(6)}[bound] for bound in bounds_of(name)})
    seen[name] = by_openvino(model, x).flat[0], onnxruntime.InferenceSession(model).run(None, {"x": x})[0].flat[0]
print("of NaN, OpenVINO: ", ", ".join(f"{name} {value:g}" for name, (value, _) in seen.items()))
generator = numpy.random.default_rng(0)
network = [helper.make_node("Conv", ["x", "first"], ["a"], pads=[1, 1, 1, 1]),
           helper.make_node("InstanceNormalization", ["a", "ones", "zeros"], ["b"]),
           helper.make_node("Relu", ["b"], ["c"]), helper.make_node("Conv", ["c", "head"], ["y"])]
model = model_of(network, [("x", TensorProto.FLOAT, shape)], [("y", TensorProto.FLOAT, None)],
                 {"first": generator.normal(size=(4, 3, 3, 3)).astype("float32"), "ones": numpy.ones(4, "float32"),
                  "zeros": numpy.zeros(4, "float32"), "head": generator.normal(size=(1, 4, 1, 1)).astype("float32")})
picture = generator.random((1, 3, 16, 16), "float32")
picture[0, 0, 5, 5] = numpy.nan
here, there = by_openvino(model, picture), onnxruntime.InferenceSession(model).run(None, {"x": picture})[0]
print(f"one NaN pixel: OpenVINO's result has {numpy.isnan(here).sum()} NaN of {here.size}, from {here.min()} to {here.max()};",
      f"ONNX Runtime's {numpy.isnan(there).sum()}")
dropped = [name for name, (value, _) in seen.items() if not numpy.isnan(value)]
good = dropped == ["Relu", "Clip", "HardSigmoid", "Max", "Min", "Exp"] and all(numpy.isnan(value) for _, value in seen.values())
sys.exit(0 if good and numpy.isfinite(here).all() and numpy.isnan(there).all() else 1)
PYTHON
python3 -W ignore "$folder/show.py"
