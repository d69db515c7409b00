#!/usr/bin/env bash
# MLServer's batching reads a picture in the shape of the first one in its batch.
#
# Guess:     pictures of different sizes do not share a batch, or the one that does not fit is refused: their bytes cannot be stacked.
# Version:   MLServer 1.7.1, CPython 3.11, x86-64 Linux; max_batch_size 4, max_batch_time 1 s.
# Behaviour: numbers are strung together, and all of them get the first request's shape. Where sizes have as many pixels (a picture
#            upright and one on its side), the second is computed with its rows broken elsewhere, and its answer comes in the
#            first one's shape, with status 200. (Where they have not, every request of the batch fails with status 500.)
# Seen:      sent 3 x 2, alone:                shape [1, 3, 2], mean of each row [0.5, 2.5, 4.5]
#            sent 3 x 2, behind one of 2 x 3:  shape [1, 2, 3], mean of each row [1.0, 4.0]
#
# It installs MLServer (200 MB) into a folder of its own, runs it on this machine, on ports of its choice, and wants Python 3.11
# or newer. It ends with 0 while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>"$folder/late" || true; wait; rm -rf "$folder"' EXIT
export TMPDIR=$folder
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q mlserver==1.7.1 numpy==2.4.6
cat >"$folder/model.py" <<'PYTHON'
import numpy
from mlserver import MLModel, types
from mlserver.codecs import NumpyCodec


class Model(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        pictures = NumpyCodec.decode_input(payload.inputs[0])
        means = numpy.broadcast_to(pictures.mean(axis=2, keepdims=True), pictures.shape)
        return types.InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("mask", means)])
PYTHON
cat >"$folder/model-settings.json" <<'JSON'
{"name": "cells", "implementation": "model.Model", "max_batch_size": 4, "max_batch_time": 1}
JSON
cat >"$folder/show.py" <<'PYTHON'
import json
import sys
import threading
import time
import urllib.request

url = "http://127.0.0.1:" + sys.argv[1] + "/v2"


def ask(shape, data, parameters):
    request = {"inputs": [{"name": "image", "datatype": "FP32", "shape": shape, "data": data}]}
    if parameters:
        request["parameters"] = parameters
    request = urllib.request.Request(url + "/models/cells/infer", json.dumps(request).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        output = json.load(answer)["outputs"][0]
    return output["shape"], output["data"]


def together(*requests):
    """Answers to requests that come 0.1 s after each other, each from a client of its own."""
    answers = [None] * len(requests)

    def client(i):
        time.sleep(0.1 * i)
        answers[i] = ask(*requests[i])

    clients = [threading.Thread(target=client, args=(i,)) for i in range(len(requests))]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return answers


for attempt in range(120):
    try:
        urllib.request.urlopen(url + "/models/cells/ready", timeout=5)
        break
    except OSError:
        time.sleep(0.5)
upright = ([1, 3, 2], [0, 1, 2, 3, 4, 5], None)
lying = ([1, 2, 3], [0, 1, 2, 3, 4, 5], None)


def told(shape, means):
    return "shape %s, mean of each row %s" % (shape, means[::shape[2]])


alone = told(*ask(*upright))
beside = told(*together(lying, upright)[1])
print("sent 3 x 2, alone:               ", alone)
print("sent 3 x 2, behind one of 2 x 3: ", beside)
sys.exit(not (alone == "shape [1, 3, 2], mean of each row [0.5, 2.5, 4.5]"
              and beside == "shape [1, 2, 3], mean of each row [1.0, 4.0]"))
PYTHON
ports=($("$folder/venv/bin/python" - <<'PYTHON'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
))
echo '{"parallel_workers": 0, "host": "127.0.0.1", "http_port": '"${ports[0]}"', "grpc_port": '"${ports[1]}"', "metrics_port": '"${ports[2]}"'}' \
    >"$folder/settings.json"
cd "$folder"
venv/bin/mlserver start . >"$folder/log" 2>&1 &
server=$!
venv/bin/python show.py "${ports[0]}"
