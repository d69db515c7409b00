#!/usr/bin/env bash
# OpenCV 5's networks resize by the ratio of whole sizes where ONNX names a scale: pictures of odd sizes come out stretched.
#
# Guess:     Resize with `scales` samples at the places that the scales give, as ONNX's formula says; that 9 rows times 0.5 make 4 rows
#            drops half a row at the edge and moves nothing.
# Version:   opencv-python-headless 5.0.0.93, onnxruntime 1.32.0, onnx 1.23.2, CPython 3.11, x86-64 Linux.
# Behaviour: the scale is forgotten once the output's size is known; rows are 9 / 4 apart instead of 2. ONNX Runtime and ONNX's own
#            reference go by the scale. A mask from a network that halves and doubles lies up to a row off, more the larger the
#            number of halvings, and only for sizes that are no multiple.
# Seen:      a ramp of 9 rows, times 0.5:  OpenCV        [0.625, 2.875, 5.125, 7.375]
#                                          ONNX Runtime  [0.5, 2.5, 4.5, 6.5]
#                                          ONNX itself   [0.5, 2.5, 4.5, 6.5]
#
# It installs OpenCV, ONNX Runtime and ONNX (250 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" opencv-python-headless==5.0.0.93 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
python3 - <<'PYTHON'
import sys

import cv2
import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="linear")
graph = helper.make_graph(
    [node], "halve", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 9, 9])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 4, 4])],
    [numpy_helper.from_array(numpy.array([1, 1, 0.5, 0.5], "f4"), "scales")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
file = model.SerializeToString()
ramp = numpy.broadcast_to(numpy.arange(9, dtype="f4").reshape(1, 1, 9, 1), (1, 1, 9, 9)).copy()


def rows(result):
    return [round(float(value), 3) for value in numpy.asarray(result)[0, 0, :, 0]]


net = cv2.dnn.readNetFromONNX(numpy.frombuffer(file, numpy.uint8))
net.setInput(ramp)
opencv = rows(net.forward())
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
runtime = rows(session.run(None, {"x": ramp})[0])
reference = rows(ReferenceEvaluator(model).run(None, {"x": ramp})[0])
print("a ramp of 9 rows, times 0.5:  OpenCV       ", opencv)
print("                              ONNX Runtime ", runtime)
print("                              ONNX itself  ", reference)
sys.exit(not (opencv == [0.625, 2.875, 5.125, 7.375] and runtime == reference == [0.5, 2.5, 4.5, 6.5]))
PYTHON
