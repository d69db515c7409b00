#!/usr/bin/env bash
# ONNX Runtime's MaxPool turns the neighbours of a NaN into -3.4e38, a number that nobody put in.
#
# Guess:     a window that holds a NaN gives NaN, as in PyTorch, or the largest of its other values, as with C's fmax.
# Version:   onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: by where in the window the NaN lies, the answer is NaN, the largest value, the largest of a part of the values, or
#            the lowest float, from which the search began. ReduceMax passes NaN over, GlobalMaxPool keeps it: three operators,
#            three rules. -3.4e38 is finite, and every check for NaN lets it through.
# Seen:      the last corner's pixels: [[237.0, 238.0, 239.0], [253.0, 254.0, nan]]
#            MaxPool 3 x 3 there:      [[nan, -3.4028234663852886e+38], [nan, -3.4028234663852886e+38]]
#            ReduceMax 254, GlobalMaxPool nan
#
# It installs these packages (100 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import onnxruntime
from onnx import TensorProto, helper


def run(name, values, **settings):
    graph = helper.make_graph([helper.make_node(name, ["x"], ["y"], **settings)], "shown",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, values.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": values})[0]


values = numpy.arange(256, dtype="float32").reshape(1, 1, 16, 16)
values[0, 0, 15, 15] = numpy.nan
pooled = run("MaxPool", values, kernel_shape=[3, 3], pads=[1, 1, 1, 1])[0, 0]
print("the last corner's pixels:", values[0, 0, 14:, 13:].tolist())
print("MaxPool 3 x 3 there:     ", pooled[14:, 14:].tolist())
reduced, whole = run("ReduceMax", values, axes=[2, 3]).item(), run("GlobalMaxPool", values).item()
print(f"ReduceMax {reduced:g}, GlobalMaxPool {whole:g}")
lowest = numpy.finfo("float32").min
sys.exit(0 if lowest in pooled[14:, 14:] and reduced == 254 and numpy.isnan(whole) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
