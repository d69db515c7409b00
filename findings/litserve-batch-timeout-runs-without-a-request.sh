#!/usr/bin/env bash
# LitServe's batch_timeout runs while nobody asks: of two requests 0.6 s apart each goes alone, with a timeout of 2 s.
#
# Guess:     the timeout begins with the first request of a batch: one alone takes 2 s, and all that follow it within 2 s are with
#            it, up to the batch size.
# Version:   litserve 0.2.19, CPython 3.11, x86-64 Linux.
# Behaviour: a window begins where the one before it ended, empty or not, and takes in what comes until its own end. A request
#            waits for what is left of a window, from nothing to all of it: half the timeout on average, and how many others are
#            with it is left to when it came. The same load gives smaller batches and shorter waits than the setting says, and a
#            closed-loop test, whose next request follows an answer at once, sees the whole timeout every time.
# Seen:      one alone, sent 0.1, 1.0 and 1.8 s after an answer, took 1.9, 1.0 and 0.2 s
#            two 0.6 s apart, the first one 0.1 s after an answer: batches of [2, 2], took 1.9 and 1.3 s
#            two 0.6 s apart, the first one 1.7 s after an answer: batches of [1, 1], took 0.3 and 1.7 s
#
# It installs LitServe and what it needs (60 MB) into a folder of its own, runs it on a port of this machine, and wants Python
# 3.11 or newer. It ends with 0 while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" litserve==0.2.19
cat >"$folder/serve.py" <<'PYTHON'
import sys
import litserve


class Sizes(litserve.LitAPI):
    def setup(self, device):
        pass

    def batch(self, requests):
        return requests

    def predict(self, requests):
        return [len(requests)] * len(requests)

    def unbatch(self, answers):
        return answers


if __name__ == "__main__":
    server = litserve.LitServer(Sizes(max_batch_size=8, batch_timeout=2), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
PYTHON
cat >"$folder/show.py" <<'PYTHON'
import concurrent.futures
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request


def ask(after=0):  # the size of the batch that answered, and how long that took
    time.sleep(after)
    request = urllib.request.Request(address, b"{}", {"Content-Type": "application/json"})
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.read()), time.monotonic() - began


def ask_twice(after):
    ask()
    with concurrent.futures.ThreadPoolExecutor() as threads:
        return list(zip(*threads.map(ask, (after, after + 0.6))))


def show():
    for _ in range(300):
        try:
            ask()
            break
        except OSError:
            time.sleep(0.2)
    alone = [ask() and ask(after)[1] for after in (0.1, 1, 1.8)]
    print("one alone, sent 0.1, 1.0 and 1.8 s after an answer, took {:.1f}, {:.1f} and {:.1f} s".format(*alone))
    sizes = {}
    for after in (0.1, 1.7):
        sizes[after], took = ask_twice(after)
        print(f"two 0.6 s apart, the first one {after} s after an answer: batches of {list(sizes[after])},",
              "took {:.1f} and {:.1f} s".format(*took))
    return 0 if alone[0] > 1.4 > alone[1] > alone[2] and sizes == {0.1: (2, 2), 1.7: (1, 1)} else 1


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
address = f"http://127.0.0.1:{port}/predict"
with open(os.path.join(os.path.dirname(__file__), "log"), "w") as log:
    server = subprocess.Popen([sys.executable, "-W", "ignore", os.path.join(os.path.dirname(__file__), "serve.py"), str(port)],
                              stdout=log, stderr=log, start_new_session=True)
try:
    status = show()
finally:
    os.killpg(server.pid, signal.SIGKILL)
sys.exit(status)
PYTHON
python3 -W ignore "$folder/show.py"
