#!/usr/bin/env bash
# prometheus_client's time() around an async function observes a microsecond, however long it takes.
#
# Guess:     the decorator awaits the function, or refuses it; it is what one writes above a request handler.
# Version:   prometheus_client 0.26.0, CPython 3.11, x86-64 Linux.
# Behaviour: calling an async function only makes its coroutine, and that is what is timed; nothing is raised. Histogram,
#            Summary and Gauge.time() alike; track_inprogress() is back at 0 before the body begins, and count_exceptions()
#            counts none. The latency histogram lies in its first bucket and every alert on it sleeps. With time() inside the
#            function as a context, it is right.
# Seen:      0.2 s: decorator 0.000 s, in its lowest bucket 1 of 1
#                   context inside 0.2 s
#            in progress while it ran: 0; failures counted: 0
#
# It installs prometheus_client (1 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" prometheus-client==0.26.0
cat >"$folder/show.py" <<'PYTHON'
import asyncio
import sys
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

registry = CollectorRegistry()
decorated = Histogram("decorated_seconds", "a decorator", registry=registry)
inside = Histogram("inside_seconds", "a context inside", registry=registry)
in_progress, failures = Gauge("in_progress", "now", registry=registry), Counter("failures", "so far", registry=registry)
seen_in_progress = []


@decorated.time()
@in_progress.track_inprogress()
@failures.count_exceptions()
async def request():
    with inside.time():
        seen_in_progress.append(registry.get_sample_value("in_progress"))
        await asyncio.sleep(0.2)
        raise ValueError("planned")


try:
    asyncio.run(request())
except ValueError:
    pass
value = registry.get_sample_value
print(f"0.2 s: decorator {value('decorated_seconds_sum'):.3f} s, in its lowest bucket",
      f"{value('decorated_seconds_bucket', {'le': '0.005'}):.0f} of {value('decorated_seconds_count'):.0f}")
print(f"       context inside {value('inside_seconds_sum'):.1f} s")
print(f"in progress while it ran: {seen_in_progress[0]:.0f}; failures counted: {value('failures_total'):.0f}")
good = value("decorated_seconds_sum") < 0.1 < value("inside_seconds_sum") and value("decorated_seconds_count") == 1
sys.exit(0 if good and seen_in_progress == [0] and value("failures_total") == 0 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
