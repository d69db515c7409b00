#!/usr/bin/env bash
# GuideLLM's Poisson arrivals have every gap ten times, in a row: ten short ones, then ten long ones.
#
# Guess:     gaps are independent and exponential however many processes send, so that the number of requests in a window has a
#            variance like its mean; the default seed makes a run repeat itself, no more.
# Version:   guidellm 0.8.1, CPython 3.11, x86-64 Linux.
# Behaviour: each worker process, of which there are ten by default, draws from a generator of its own with the same seed, and
#            adds what it drew to one common clock. Ten draw the same gap one after the other. The rate is right, but bursts are
#            as if ten requests came together: queues and batches are those of a load that nobody asked for, and a service looks
#            worse than it is. With one process the gaps are what they should be.
# Seen:       1 process:    295 different gaps of 299, variance of counts / mean 1.1, P95 of waiting  4.0 services
#            10 processes:   31 different gaps of 299, variance of counts / mean 4.5, P95 of waiting 24.6 services;
#            the last two differ from run to run: 5.6 and 26.8 were seen, too
#            (waiting: of one server that takes 0.7 of the mean gap each)
#
# It installs GuideLLM and what its scheduler needs (40 MB) into a folder of its own, and wants Python 3.11 or newer. It ends
# with 0 while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" culsans==0.10.0 loguru==0.7.3 msgpack==1.2.4 pydantic==2.14.4 \
    pydantic-settings==2.16.3 uvloop==0.23.0
python3 -m pip install -q --no-deps --target "$folder/python" guidellm==0.8.1
cat >"$folder/show.py" <<'PYTHON'
import asyncio
import statistics
import sys
from guidellm.scheduler import AsyncPoissonStrategy, NonDistributedEnvironment, Scheduler
from guidellm.scheduler.schemas import ConversationGraph, ConversationNode
from guidellm.settings import settings


class Instant:  # a backend that answers at once
    processes_limit, requests_limit, info = None, None, {}

    async def process_startup(self):
        pass

    validate = process_shutdown = process_startup

    async def resolve(self, request, request_info, history=None):
        yield request, request_info


async def arrivals(processes, requests):
    settings.max_worker_processes = processes
    nodes = [ConversationNode(node_id="one", agent_id="one", request=f"{number}") for number in range(requests)]
    graphs = [ConversationGraph(graph_id=node.request, nodes={"one": node}) for node in nodes]
    times = []
    async for _, _, info, _ in Scheduler().run(graphs, Instant(), AsyncPoissonStrategy(rate=100), NonDistributedEnvironment()):
        if info.status == "completed":
            times.append(info.timings.targeted_start)
    return sorted(times)


def main():
    different, spread = {}, {}
    for processes in (1, 10):
        times = asyncio.run(arrivals(processes, 300))
        gaps = [after - before for before, after in zip(times, times[1:])]
        mean = statistics.mean(gaps)
        windows = [int((time - times[0]) / (10 * mean)) for time in times]
        counts = [windows.count(window) for window in range(max(windows))]
        waiting = [0]
        for gap in gaps:
            waiting.append(max(0, waiting[-1] + 0.7 * mean - gap))
        ordered = sorted(gaps)  # the same to a microsecond, as exact as such times are
        different[processes] = 1 + sum(after - before > 1e-6 for before, after in zip(ordered, ordered[1:]))
        spread[processes] = statistics.variance(counts) / statistics.mean(counts)
        print(f"{processes:2} process{'es: ' if processes > 1 else ':   '} {different[processes]:3} different gaps of {len(gaps)},",
              f"variance of counts / mean {spread[processes]:.1f},",
              f"P95 of waiting {statistics.quantiles(waiting, n=20)[-1] / (0.7 * mean):4.1f} services")
    return 0 if different[1] > 250 and different[10] < 100 and spread[1] < 2 < spread[10] else 1


if __name__ == "__main__":
    sys.exit(main())
PYTHON
python3 -W ignore "$folder/show.py"
