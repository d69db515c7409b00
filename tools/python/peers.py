#!/usr/bin/env python3
"""Times batchtune's production path against other runtimes on the same networks, taking turns.

    make bench-peers ARGS="--models hrnet --image-size 128 --batches 1"

Every peer is a process of its own, idle while another has its turn; a round gives each one turn, in an order that
turns round. A turn's figure is the median of its runs, a peer's the median of its turns, and its ratio the median over
the rounds of its turn against batchtune's: a slow spell of the machine falls on both. A turn during which other
programs used the cores comes up again, three times at most. All run the same operation list with the same weights
on the same picture; "error" says so: the distance of the logits to FP32's, in parts of the FP32 logits' spread.

"batchtune" is one instance of all threads; "-instances" and "-streams" run one of a single thread on each core, and
their figure is the time per batch that this comes to: throughput, where a request itself takes that many times longer.

torch's peers get the allocator settings that batchtune's own sessions give libtorch: without them they are slower.
"""
import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = "batchtune"
OWN_INSTANCES = "batchtune-instances"
PEERS = "torch-compile-bf16,torch-compile-bf16-frozen,openvino,openvino-bf16,openvino-bf16-streams"
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
}
HZ = os.sysconf("SC_CLK_TCK")
BUSY_CORES = 0.15  # taken by others: more than that spoils a turn
TRIES = 4


def busy_s():
    """CPU seconds that everybody spent."""
    with open("/proc/stat") as file:
        fields = [int(x) for x in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / HZ


def spent_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HZ


class Runner:
    """A program that answers "BATCH RUNS" with {"ms": [...]}."""

    def __init__(self, name, command, environment, logits, folder):
        self.name, self.logits = name, logits
        self.words = open(os.path.join(folder, name + ".log"), "w+b")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.words, env=environment
        )

    def turn(self, batch, runs, limit_s=900):
        try:
            self.process.stdin.write(f"{batch} {runs}\n".encode())
            self.process.stdin.flush()
        except OSError:
            return {"error": self.last_words()}
        if not select.select([self.process.stdout], [], [], limit_s)[0]:
            self.close()
            return {"error": f"no answer in {limit_s} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": self.last_words()}

    def last_words(self):
        self.words.seek(0)
        return "ended: " + self.words.read().decode(errors="replace")[-300:].replace("\n", " | ")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def quiet_turn(runner, batch, runs):
    """A turn that nobody disturbed, or the last of TRIES."""
    for _ in range(TRIES):
        time.sleep(0.1)  # the last one's threads fall asleep
        all_before, own_before, start = busy_s(), spent_s(runner.process.pid), time.perf_counter()
        answer = runner.turn(batch, runs)
        if "error" in answer:
            return answer
        elapsed = time.perf_counter() - start
        others = (busy_s() - all_before - spent_s(runner.process.pid) + own_before) / elapsed
        if others < BUSY_CORES:
            break
    return answer


def open_runner(name, own, model, size, threads, batches, folder):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), CUDA_VISIBLE_DEVICES="")
    logits = os.path.join(folder, name + ".f32")
    if name in (OWN, OWN_INSTANCES):
        command = [own, "--serve", "--backend", "plan", "--paths", "production", "--models", model, "--quiet"]
        command += ["--image-size", str(size), "--batches", ",".join(map(str, batches)), "--threads", str(threads)]
        if name == OWN_INSTANCES:
            command += ["--instances", str(threads)]
        return Runner(name, command, environment, logits, folder)
    if name.startswith("torch"):
        environment.update(ALLOCATOR)
        environment.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.abspath(".deps/inductor"))
    command = [sys.executable, os.path.join(HERE, "peer.py"), name, model, str(size), logits]
    return Runner(name, command, environment, logits, folder)


def own_logits(own, model, size, precision, path):
    """batchtune's logits of picture 0, written by the program that runs single batches."""
    program = os.path.join(os.path.dirname(own), "../tests/model-forward")
    command = [program, "--model", model, "--weights", "demo", "--shape", f"1,3,{size},{size}", "--images-seed", "1"]
    command += ["--backend", "plan", "--path", "production", "--precision", precision, "--output", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def error_of(path, exact):
    import numpy as np

    logits, wanted = np.fromfile(path, "<f4").astype(float), np.fromfile(exact, "<f4").astype(float)
    return float(np.linalg.norm(logits - wanted) / np.linalg.norm(wanted - wanted.mean()))


def bench(arguments, model, size, folder):
    """The rows of one model and size, a list of dictionaries."""
    names = [OWN] + ([OWN_INSTANCES] if arguments.threads > 1 else []) + arguments.peers.split(",")
    exact = os.path.join(folder, "exact.f32")
    own_logits(arguments.own, model, size, "fp32", exact)
    runners = [open_runner(n, arguments.own, model, size, arguments.threads, arguments.batches, folder) for n in names]
    for runner in runners[: names.index(arguments.peers.split(",")[0])]:
        own_logits(arguments.own, model, size, "bf16", runner.logits)
    rows = []
    for batch in arguments.batches:
        live, turns = [], {}
        for runner in runners:
            print(f"peers: {model}, {size} px, batch {batch}: preparing {runner.name}", file=sys.stderr, flush=True)
            first, second = runner.turn(batch, 1), runner.turn(batch, 1)
            row = {"model": model, "image_size": size, "batch_size": batch, "peer": runner.name}
            rows.append(row)
            if "error" in first or "error" in second:
                row["failed"] = first.get("error") or second["error"]
                continue
            row["error"] = error_of(runner.logits, exact)
            runs = max(1, int(arguments.turn_ms / second["ms"][0]))
            live.append((runner, row, runs))
            turns[runner.name] = []
        for i in range(arguments.rounds):
            for runner, row, runs in live if i % 2 == 0 else live[::-1]:
                answer = quiet_turn(runner, batch, runs)
                if "error" in answer:
                    row["failed"] = answer["error"]
                else:
                    turns[runner.name].append(statistics.median(answer["ms"]))
            print(f"peers: {model}, {size} px, batch {batch}: round {i + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
        for runner, row, _ in live:
            if "failed" in row:
                continue
            mine = turns[runner.name]
            row["turns_ms"] = mine
            row["median_ms"] = statistics.median(mine)
            row["ratio"] = statistics.median(ms / ours for ms, ours in zip(mine, turns[OWN]))
    for runner in runners:
        runner.close()
    return rows


def print_table(rows):
    print("| model | size | batch | peer | ms a batch | images/s | batchtune is × as fast | error |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        begin = f"| {row['model']} | {row['image_size']} | {row['batch_size']} | {row['peer']} |"
        if "failed" in row:
            print(f"{begin} failed: {row['failed']} | | | |")
            continue
        ms = row["median_ms"]
        print(f"{begin} {ms:.1f} | {1e3 * row['batch_size'] / ms:.1f} | {row['ratio']:.2f} | {row['error']:.4f} |")


def numbers(text):
    return [int(x) for x in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--own", default="build/bench/bench-networks", help="batchtune's program")
    parser.add_argument("--models", default="hrnet,cbam_resunet")
    parser.add_argument("--image-size", type=numbers, default=[128, 256], metavar="N,...")
    parser.add_argument("--batches", type=numbers, default=[1, 4], metavar="N,...")
    parser.add_argument("--peers", default=PEERS, help=f"of those in peer.py (default {PEERS})")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turn-ms", type=float, default=400, help="runs of a turn: as many as fit, at least one")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models.split(","):
            for size in arguments.image_size:
                rows += bench(arguments, model, size, folder)
    if arguments.format == "json":
        print(json.dumps({"results": rows}, indent=1))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
