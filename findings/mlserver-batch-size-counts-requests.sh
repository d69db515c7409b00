#!/usr/bin/env bash
# MLServer's max_batch_size counts requests, so that a batch has more rows than it says.
#
# Guess:     max_batch_size bounds the rows that a model is given at once, as Triton's does: memory and latency depend on those.
# Version:   MLServer 1.7.1, CPython 3.11, x86-64 Linux; max_batch_size 4, max_batch_time 1 s.
# Behaviour: it is the number of requests that are merged, however many rows each of them has, and a request with more rows than
#            it is taken too. Four clients who send the four pictures that the bound allows make the model run sixteen at once.
# Seen:      rows in one run: 16
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
        rows = numpy.full((len(pictures), 1), len(pictures))
        return types.InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("mask", rows)])
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
answers = together(*[([4, 1, 4], [0.5] * 16, None)] * 4)
rows = max(answer[1][0] for answer in answers)
print("rows in one run:", rows)
sys.exit(not rows == 16)
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
