#!/usr/bin/env python3
"""Times batchtune's production path against other runtimes on the same networks, taking turns.

    make bench-peers ARGS="--models hrnet --image-size 128 --batches 1"

Every peer is a process of its own, idle while another has its turn; a round gives each one turn, in an order that
turns round. A turn's figure is the median of its runs, a peer's the median of its turns, and its ratio the median over
the rounds of its turn against that of ours beside it: a slow spell of the machine falls on both. A turn during which
other programs used the cores comes up again, three times at most. All run the same operation list with the same weights
on the same pictures, held out of calibration. "error" and "IoU" say so: the distance of the logits to those of the
standard path in FP32, in parts of their spread; and how far the masks agree, on average and at worst.

"batchtune" chooses its precision, "-fp32", "-bf16" and "-int8" force one. It is one instance of all threads; "-instances"
and "-streams" run one of a single thread on each core, and their figure is the time per batch that this comes to:
throughput, where a request itself takes that many times longer. Beside a peer in INT8 stands ours in INT8, beside streams
instances, where they are among --ours; beside all else "batchtune".

On a GPU (--device cuda:N) the peers are torch's, a time is from images in ordinary host memory to logits there, and
"batchtune" runs its plan on the device.

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
STANDARD = "standard"
OWN = "batchtune"
OURS = "batchtune,batchtune-instances,batchtune-fp32,batchtune-bf16,batchtune-int8,batchtune-int8-instances"
PEERS = (
    "torch-compile-bf16,torch-compile-bf16-frozen,openvino,openvino-streams,openvino-int8,openvino-int8-streams,"
    "onnxruntime,onnxruntime-int8"
)
OURS_ON_A_GPU = "batchtune"
PEERS_ON_A_GPU = "torch-compile-fp16-frozen"
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
        return "ended: " + self.words.read().decode(errors="replace").strip()[-300:].replace("\n", "; ")

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


def open_runner(name, arguments, model, size, folder):
    threads = str(arguments.threads)
    # OpenVINO's tools send word of their use, but not from where CI is set.
    environment = dict(os.environ, OMP_NUM_THREADS=threads, CI="true")
    if arguments.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    logits = os.path.join(folder, name + ".f32")
    pictures = str(arguments.pictures)
    if name in (STANDARD, OWN) or name.startswith(OWN + "-"):
        words = name.split("-")[1:]
        path = "-".join(["production"] + [word for word in words if word != "instances"])
        from networks import demo_source

        command = [arguments.own, "--serve", "--models", model, "--quiet", "--threads", threads, "--image-size", str(size)]
        command += ["--backend", "torch", "--paths", name] if name == STANDARD else ["--backend", "plan", "--paths", path]
        command += ["--device", arguments.device, "--weights", demo_source(model)]
        command += ["--batches", ",".join(map(str, arguments.batches)), "--logits", logits, "--pictures", pictures]
        command += ["--instances", threads] if "instances" in words else []
        return Runner(name, command, environment, logits, folder)
    if name.startswith("torch"):
        environment.update(ALLOCATOR if arguments.device == "cpu" else {})
        environment.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.abspath(".deps/inductor"))
    command = [sys.executable, os.path.join(HERE, "peer.py"), name, model, str(size), logits, pictures, arguments.device]
    return Runner(name, command, environment, logits, folder)


def read_logits(path, pictures):
    import numpy as np

    return np.fromfile(path, "<f4").astype(float).reshape(pictures, -1)


def standard_logits(arguments, model, size, folder):
    """Those of the standard path in FP32, which everybody's are held against."""
    runner = open_runner(STANDARD, arguments, model, size, folder)
    answer = runner.turn(min(arguments.batches), 1)
    runner.close()
    if "error" in answer:
        sys.exit(f"peers: the standard path: {answer['error']}")
    return read_logits(runner.logits, arguments.pictures)


def agreement(logits, exact):
    """The logits' error, and the masks' IoU, on average and least."""
    import numpy as np

    error = np.linalg.norm(logits - exact) / np.linalg.norm(exact - exact.mean())
    masks, wanted = logits > 0, exact > 0
    union = (masks | wanted).sum(1)
    iou = np.where(union > 0, (masks & wanted).sum(1) / np.maximum(union, 1), 1.0)
    return {"error": float(error), "iou_mean": float(iou.mean()), "iou_least": float(iou.min())}


def beside(name, ours):
    """Which of ours a row is held against."""
    if name.startswith(OWN):
        return OWN
    wanted = OWN + ("-int8" if "int8" in name else "") + ("-instances" if "streams" in name else "")
    return next((one for one in (wanted, wanted.replace("-instances", "")) if one in ours), OWN)


def prepare(runner, row, exact, arguments):
    """Fills in what is known before the turns; the runs of a turn, or None where the runner failed."""
    first = runner.turn(row["batch_size"], 1)
    second = first if "error" in first else runner.turn(row["batch_size"], 1)
    if "error" in second:
        row["failed"] = second["error"]
        return None
    row["precision"] = second["precision"]
    row.update(agreement(read_logits(runner.logits, arguments.pictures), exact))
    return max(1, int(arguments.turn_ms / second["ms"][0]))


def take_turns(live, batch, rounds, say):
    """The medians of each runner's turns, round by round, by name."""
    turns = {runner.name: [] for runner, _, _ in live}
    for i in range(rounds):
        for runner, row, runs in live if i % 2 == 0 else live[::-1]:
            answer = quiet_turn(runner, batch, runs)
            if "error" in answer:
                row["failed"] = answer["error"]
            else:
                turns[runner.name].append(statistics.median(answer["ms"]))
        say(f"round {i + 1} of {rounds}")
    return turns


def bench_batch(runners, exact, arguments, model, size, batch):
    def say(text):
        print(f"peers: {model}, {size} px, batch {batch}: {text}", file=sys.stderr, flush=True)

    live, rows = [], []
    for runner in runners:
        say(f"preparing {runner.name}")
        rows.append({"model": model, "image_size": size, "batch_size": batch, "peer": runner.name})
        runs = prepare(runner, rows[-1], exact, arguments)
        if runs:
            live.append((runner, rows[-1], runs))
    turns = take_turns(live, batch, arguments.rounds, say)
    good = {runner.name for runner, row, _ in live if "failed" not in row}
    for runner, row, _ in live:
        if runner.name not in good:
            continue
        row["turns_ms"] = turns[runner.name]
        row["median_ms"] = statistics.median(row["turns_ms"])
        row["beside"] = beside(runner.name, good)
        if row["beside"] in good:
            row["ratio"] = statistics.median(ms / ours for ms, ours in zip(row["turns_ms"], turns[row["beside"]]))
    return rows


def bench(arguments, model, size, folder):
    """The rows of one model and size, a list of dictionaries."""
    names = [name for name in arguments.ours.split(",") if arguments.threads > 1 or "instances" not in name]
    names += [name for name in arguments.peers.split(",") if name]
    exact = standard_logits(arguments, model, size, folder)
    runners = [open_runner(name, arguments, model, size, folder) for name in names]
    rows = []
    for batch in arguments.batches:
        rows += bench_batch(runners, exact, arguments, model, size, batch)
    for runner in runners:
        runner.close()
    return rows


def print_table(rows):
    heads = ["model", "size", "batch", "peer", "precision", "ms a batch", "images/s", "batchtune is × as fast", "error"]
    heads += ["IoU, mean", "least"]
    print(f"| {' | '.join(heads)} |")
    print("| --- " * len(heads) + "|")
    for row in rows:
        begin = f"| {row['model']} | {row['image_size']} | {row['batch_size']} | {row['peer']} |"
        if "failed" in row:
            print(f"{begin} failed: {row['failed']} | | | | | | |")
            continue
        ms = row["median_ms"]
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else "–"
        agreed = f"{row['error']:.4f} | {row['iou_mean']:.4f} | {row['iou_least']:.4f}"
        print(f"{begin} {row['precision']} | {ms:.1f} | {1e3 * row['batch_size'] / ms:.1f} | {ratio} | {agreed} |")


def numbers(text):
    return [int(x) for x in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--own", default="build/bench/bench-networks", help="batchtune's program")
    parser.add_argument("--models", default="hrnet,cbam_resunet")
    parser.add_argument("--image-size", type=numbers, default=[128, 256], metavar="N,...")
    parser.add_argument("--batches", type=numbers, default=[1, 4], metavar="N,...")
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda:N")
    parser.add_argument("--ours", help=f"rows of batchtune's (default {OURS}; on a GPU {OURS_ON_A_GPU})")
    parser.add_argument("--peers", help=f"of those in peer.py (default {PEERS}; on a GPU {PEERS_ON_A_GPU})")
    parser.add_argument("--pictures", type=int, default=16, help="held out, to compare masks on (default 16)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turn-ms", type=float, default=400, help="runs of a turn: as many as fit, at least one")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    on_gpu = arguments.device != "cpu"
    if arguments.ours is None:
        arguments.ours = OURS_ON_A_GPU if on_gpu else OURS
    if arguments.peers is None:
        arguments.peers = PEERS_ON_A_GPU if on_gpu else PEERS
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
