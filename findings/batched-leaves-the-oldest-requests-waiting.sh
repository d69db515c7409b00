#!/usr/bin/env bash
# Under a full load the library "batched" answers new requests for ever and leaves some of the oldest waiting.
#
# Guess:     equal requests are answered in the order in which they came: with a backlog of two batches none waits for more than
#            the batch that runs and the one before its own.
# Version:   batched 0.1.5, CPython 3.11, x86-64 Linux.
# Behaviour: the queue of batched.dynamically is a heap by priority, which is the same for every single request, and a heap of
#            equals is no queue: what lies in one half of it stays, while new requests come in at the end and go out again, and
#            no timeout is looked at. How many batches are run and how long those answered waited looks better than in order;
#            the others have no latency, since they are answered after the load only. batched.aio.dynamically has a queue.
# Seen:      63 requests, then 32 more while each of 100 batches of 32 runs:
#            batched      of 3264 requests 31 without an answer, which have waited for 1 to 101 batches; of the first 63: 26
#            batched.aio  of 3264 requests 31 without an answer, which have waited for 1 to 1 batches; of the first 63: 0
#
# It installs batched and numpy (70 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" batched==0.1.5
cat >"$folder/show.py" <<'PYTHON'
import asyncio
import sys
import time
import batched
import batched.aio

BATCH, BATCHES = 32, 100


class Load:  # sends while a batch runs, and lets the batch end when all of it is in the queue
    def __init__(self):
        self.begun, self.may_end, self.sent_in, self.waited = 0, 0, [], {}

    def begin(self, requests):
        self.waited.update({request: self.begun - self.sent_in[request] for request in requests})
        self.begun += 1
        return self.begun


def in_a_thread(load):
    @batched.dynamically(batch_size=BATCH)
    def model(requests):
        number = load.begin(requests)
        while load.may_end < number:
            time.sleep(1e-3)
        return requests

    return model, model.acall


def in_asyncio(load):
    @batched.aio.dynamically(batch_size=BATCH)
    async def model(requests):
        number = load.begin(requests)
        while load.may_end < number:
            await asyncio.sleep(1e-3)
        return requests

    return model, model


async def until(condition):
    while not condition():
        await asyncio.sleep(1e-3)


async def run(variant):
    load, tasks = Load(), []
    model, ask = variant(load)
    for count in [1, 63] + [BATCH] * BATCHES:  # the first one only begins a batch
        for _ in range(count):
            load.sent_in.append(load.begun)
            tasks.append(asyncio.ensure_future(ask(len(load.sent_in) - 1)))
        await until(lambda: load.begun and model.stats.queue_size == len(load.sent_in) - len(load.waited))
        following = load.begun + 1
        if count > 1:
            load.may_end = load.begun
            await until(lambda: load.begun == following)
    waited = [load.begun - sent_in for request, sent_in in enumerate(load.sent_in) if request not in load.waited]
    oldest = sum(request not in load.waited for request in range(1, 64))
    load.may_end = load.begun + 1000  # all that is left
    await asyncio.gather(*tasks)
    return waited, oldest, [load.waited[request] for request in range(len(load.sent_in))]


def main():
    seen = {}
    for name, variant in (("batched", in_a_thread), ("batched.aio", in_asyncio)):
        waiting, seen[name], in_the_end = asyncio.run(run(variant))
        print(f"{name:11}  of {len(in_the_end)} requests {len(waiting)} without an answer, which have waited for {min(waiting)} to",
              f"{max(waiting)} batches; of the first 63: {seen[name]}")
    return 0 if seen["batched"] > 10 and seen["batched.aio"] == 0 else 1


sys.exit(main())
PYTHON
python3 -W ignore "$folder/show.py"
