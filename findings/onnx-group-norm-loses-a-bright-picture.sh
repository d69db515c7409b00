#!/usr/bin/env bash
# ONNX's GroupNormalization loses a picture whose mean is large, in ONNX Runtime.
#
# Guess:     a norm is right for any mean that a 16-bit camera has, as InstanceNormalization and LayerNormalization are in the
#            same runtime.
# Version:   onnxruntime 1.32.0 and openvino 2026.4.1, CPython 3.11, x86-64 Linux; operator set 21.
# Behaviour: the variance is the mean of squares minus the square of the mean, in float32, as in the operator's definition,
#            which ONNX Runtime runs on a CPU as it stands. At a mean of 1,000 and a spread of 1 the result is off by a tenth,
#            at 10,000 by more than all the picture's spread, or it is NaN, where the variance comes out negative. OpenVINO has
#            it right.
# Seen:      mean     0, InstanceNormalization: off by 0.0000 (ONNX Runtime), 0.0000 (OpenVINO)
#            mean     0, GroupNormalization   : off by 0.0000 (ONNX Runtime), 0.0000 (OpenVINO)
#            mean  1000, InstanceNormalization: off by 0.0001 (ONNX Runtime), 0.0001 (OpenVINO)
#            mean  1000, GroupNormalization   : off by 0.1136 (ONNX Runtime), 0.0001 (OpenVINO)
#            mean 10000, InstanceNormalization: off by 0.0020 (ONNX Runtime), 0.0005 (OpenVINO)
#            mean 10000, GroupNormalization   : off by 3.4107 (ONNX Runtime), 0.0001 (OpenVINO)
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


off, noise = {}, numpy.random.default_rng(0).normal(size=(1, 2, 64, 64))
constants = {"ones": numpy.ones(2, "float32"), "zeros": numpy.zeros(2, "float32")}
for mean in (0, 1000, 10000):
    x = (noise + mean).astype("float32")
    wide = x.astype("float64")
    for name, axes, settings in (("InstanceNormalization", (2, 3), {}), ("GroupNormalization", (1, 2, 3), {"num_groups": 1})):
        exact = (wide - wide.mean(axes, keepdims=True)) / numpy.sqrt(wide.var(axes, keepdims=True) + 1e-5)
        model = model_of([helper.make_node(name, ["x", "ones", "zeros"], ["y"], **settings)],
                         [("x", TensorProto.FLOAT, x.shape)], [("y", TensorProto.FLOAT, None)], constants, opset=21)
        results = onnxruntime.InferenceSession(model).run(None, {"x": x})[0], by_openvino(model, x)
        off[name, mean] = [abs(result - exact).max() for result in results]
        print(f"mean {mean:5}, {name:21}: off by {off[name, mean][0]:.4f} (ONNX Runtime), {off[name, mean][1]:.4f} (OpenVINO)")
group = [off["GroupNormalization", mean][0] for mean in (0, 1000, 10000)]
others = [value for (name, mean), values in off.items() for value in (values if name[0] == "I" else values[1:])]
sys.exit(0 if group[0] < 1e-4 and group[1] > 0.01 and not group[2] < 1 and max(others) < 0.02 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
