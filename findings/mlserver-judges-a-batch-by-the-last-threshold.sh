#!/usr/bin/env bash
# MLServer's batching gives every request of a batch the parameters of the last one.
#
# Guess:     a request's parameters are its own: requests whose parameters differ either do not share a batch, or the model gets each
#            request's beside its rows.
# Version:   MLServer 1.7.1, CPython 3.11, x86-64 Linux; max_batch_size 4, max_batch_time 1 s.
# Behaviour: requests are merged whatever their parameters are, and the merged request has the last one's: of what a client asked
#            for, another client's value takes the place. Here one client asks for a threshold of 0.3, and gets the mask at 0.7
#            because somebody else's request came 0.1 s later. Status 200, and nothing in the answer tells.
# Seen:      threshold 0.3, alone:              [0, 1, 1, 1]
#            threshold 0.3, another sends 0.7:  [0, 0, 0, 1]
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
        threshold = payload.parameters.model_dump()["threshold"]
        return types.InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("mask", (pictures > threshold).astype(numpy.uint8))])
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
picture = ([1, 1, 4], [0.2, 0.4, 0.6, 0.8])
alone = ask(*picture, {"threshold": 0.3})[1]
beside = together((*picture, {"threshold": 0.3}), (*picture, {"threshold": 0.7}))[0][1]
print("threshold 0.3, alone:             ", alone)
print("threshold 0.3, another sends 0.7: ", beside)
sys.exit(not (alone == [0, 1, 1, 1] and beside == [0, 0, 0, 1]))
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
