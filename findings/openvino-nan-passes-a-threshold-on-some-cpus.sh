#!/usr/bin/env bash
# In OpenVINO, NaN > 0.5 is true on a CPU with AVX-512 and false on one with AVX2.
#
# Guess:     a comparison with NaN is false, so that a threshold gives no foreground where the logit is NaN; and it is the same
#            on every CPU.
# Version:   openvino 2026.4.1, CPython 3.11, x86-64 Linux.
# Behaviour: Greater and GreaterOrEqual of NaN are true where the CPU plugin writes code for AVX-512 (or for SSE4.1), false with
#            AVX2. The same model, file and picture give a full mask on one server and an empty one on the next. ONNX Runtime
#            1.32 and numpy say false. The environment variable holds the plugin to an older instruction set.
# Seen:      SSE41: of 2048 pixels below the threshold 0 are foreground, of 2048 NaN 2048
#            AVX2: of 2048 pixels below the threshold 0 are foreground, of 2048 NaN 0
#
# It installs OpenVINO, onnx and numpy (150 MB) into a folder of its own, and wants Python 3.11 or newer and a CPU with AVX2. It
# ends with 0 while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import openvino
from onnx import TensorProto, helper, numpy_helper


def mask_of(logits):
    graph = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["p"]), helper.make_node("Greater", ["p", "half"], ["y"])],
                              "mask", [helper.make_tensor_value_info("x", TensorProto.FLOAT, logits.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.BOOL, None)],
                              [numpy_helper.from_array(numpy.float32(0.5), "half")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()
    core = openvino.Core()
    return core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([logits])[0]


logits = numpy.full((1, 1, 64, 64), -1, "float32")
logits[..., 32:] = numpy.nan
mask = mask_of(logits)
print(f"{sys.argv[1]}: of 2048 pixels below the threshold {mask[..., :32].sum()} are foreground,",
      f"of 2048 NaN {mask[..., 32:].sum()}")
PYTHON
seen=$(for set in SSE41 AVX2; do ONEDNN_MAX_CPU_ISA=$set python3 -W ignore "$folder/show.py" $set; done)
echo "$seen"
[ "$seen" = 'SSE41: of 2048 pixels below the threshold 0 are foreground, of 2048 NaN 2048
AVX2: of 2048 pixels below the threshold 0 are foreground, of 2048 NaN 0' ]
