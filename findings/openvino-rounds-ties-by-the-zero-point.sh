#!/usr/bin/env bash
# OpenVINO quantises half of all gray levels to another number than ONNX says, where the zero point is odd.
#
# Guess:     QuantizeLinear is saturate(round(x / scale) + zero point), ties to even, in every runtime.
# Version:   openvino 2026.4.1 and onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: the zero point is added before rounding, so that with an odd one every tie goes the other way. With pictures ties
#            are common: at a scale of 2 every second level of 256 is one. All of these are one step apart from ONNX Runtime,
#            which follows the definition; with an even zero point none is.
# Seen:      zero point   0:   0 of 256 levels differ; level 5 is 2, should be 2
#            zero point   3: 128 of 256 levels differ; level 5 is 6, should be 5
#            zero point 113: 128 of 256 levels differ; level 5 is 116, should be 115
#            zero point 128:   0 of 256 levels differ; level 5 is 130, should be 130
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


levels, differ = numpy.arange(256, dtype="float32"), {}
for zero_point in (0, 3, 113, 128):
    model = model_of([helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"])],
                     [("x", TensorProto.FLOAT, [256])], [("y", TensorProto.UINT8, None)],
                     {"scale": numpy.float32(2), "zero": numpy.uint8(zero_point)})
    here, there = by_openvino(model, levels), onnxruntime.InferenceSession(model).run(None, {"x": levels})[0]
    wanted = (numpy.rint(levels / 2) + zero_point).clip(0, 255).astype("uint8")
    assert numpy.array_equal(there, wanted)
    differ[zero_point] = int((here != wanted).sum())
    print(f"zero point {zero_point:3}: {differ[zero_point]:3} of 256 levels differ;",
          f"level 5 is {here[5]}, should be {wanted[5]}")
sys.exit(0 if differ[0] == differ[128] == 0 and differ[3] > 100 and differ[113] > 100 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
