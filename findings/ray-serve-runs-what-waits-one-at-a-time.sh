#!/usr/bin/env bash
# Ray Serve runs eight requests that wait behind a running batch one at a time, with batches of up to 16.
#
# Guess:     a batch is made up when the function is free to take it: what comes in during a batch is the next one, so that batches
#            grow with the load, and batch_wait_timeout_s matters only while nothing runs.
# Version:   ray 2.60.0 (ray[serve]), CPython 3.11, x86-64 Linux.
# Behaviour: batches are closed by batch_wait_timeout_s (10 ms unless set) alone, also while another runs, and wait closed for
#            their turn. Requests that come further apart than that are batches of one for ever, however many of them stand
#            behind each other. Here nine requests in 1.6 s cost nine runs of 1 s; sent at once they cost one. The largest load
#            is a matter of that timeout and not of the batch size, and a queue, once there, does not shrink by batching.
# Seen:      sent at once:    batches of [9]
#            every 0.2 s:     batches of [1, 1, 1, 1, 1, 1, 1, 1, 1]
#
# It installs Ray Serve (500 MB) into a folder of its own, runs it on this machine, on ports of its choice, and wants Python 3.11
# or newer. It ends with 0 while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python RAY_USAGE_STATS_ENABLED=0
python3 -m pip install -q --target "$folder/python" "ray[serve]==2.60.0"
cat >"$folder/show.py" <<'PYTHON'
import asyncio
import sys
import time
import ray
from ray import serve


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0})
class Model:
    def __init__(self):
        self.sizes = []

    @serve.batch(max_batch_size=16)
    async def batch(self, requests):
        self.sizes.append(len(requests))
        await asyncio.sleep(1)
        return requests

    async def __call__(self, request):
        return await self.batch(request)

    async def sizes_so_far(self):
        sizes, self.sizes = self.sizes, []
        return sizes


ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
serve.start(proxy_location="Disabled")
model = serve.run(Model.bind(), logging_config={"log_level": "ERROR"})
model.remote(0).result()  # so that all is set up
model.sizes_so_far.remote().result()
seen = {}
for name, pause in (("sent at once:", 0), ("every 0.2 s:", 0.2)):
    answers = []
    for request in range(9):
        answers.append(model.remote(request))
        time.sleep(pause)
    for answer in answers:
        answer.result()
    seen[pause] = model.sizes_so_far.remote().result()
    print(f"{name:16} batches of {seen[pause]}")
ray.shutdown()
sys.exit(0 if max(seen[0]) > 4 and max(seen[0.2]) <= 3 else 1)
PYTHON
python3 -W ignore "$folder/show.py" 2>"$folder/log" || { status=$?; tail -5 "$folder/log"; exit "$status"; }
