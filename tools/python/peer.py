#!/usr/bin/env python3
"""One peer in a process of its own: a network under another runtime, run when peers.py says so.

    tools/python/peer.py PEER MODEL SIZE LOGITS

A line "BATCH RUNS" on standard input is answered by a line of JSON: {"ms": [...]}, or {"error": "..."}. The first line
with a new batch size prepares that size, untimed, and writes what the network makes of picture 0 into the file LOGITS.
"""
import json
import os
import sys
import time

PEERS = {
    "torch-eager": "libtorch's operations one by one, FP32, contiguous",
    "torch-eager-bf16": "the same under autocast to BF16",
    "torch-compile-bf16": "torch.compile, autocast to BF16",
    "torch-compile-bf16-frozen": "torch.compile, weights held in BF16, channels_last, frozen",
    "openvino": "OpenVINO, FP32, latency mode",
    "openvino-bf16": "OpenVINO, BF16, latency mode",
    "openvino-bf16-streams": "OpenVINO, BF16, a stream a core, as many batches in flight: time per batch",
}
IMAGES_SEED = 1


def pictures(size, batch):
    from networks import Images

    stream = Images(IMAGES_SEED, size, batch)
    images, _ = stream.batch(batch)
    stream.close()
    return images.contiguous()


def network_module(model):
    """The list as a module, which is what runtimes want to convert."""
    import torch
    from networks import forward, load, load_network

    network = load_network(model)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            values = load(f"src/networks/demo/{model}.f16", network)
            self.values = torch.nn.ParameterList([torch.nn.Parameter(v, requires_grad=False) for v in values])

        def forward(self, image):
            return forward(network, list(self.values), image)

    return Network().eval()


class Torch:
    def __init__(self, peer, model, size, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.peer, self.size = torch, peer, size
        self.amp = "bf16" in peer and "frozen" not in peer
        self.module = network_module(model)
        self.frozen = "frozen" in peer
        if self.frozen:
            self.module = self.module.to(torch.bfloat16)
            for parameter in self.module.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.to(memory_format=torch.channels_last)

    def prepare(self, batch):
        torch = self.torch
        self.image = pictures(self.size, batch)
        if self.frozen:
            self.image = self.image.to(torch.bfloat16).to(memory_format=torch.channels_last)
        self.call = self.module
        if "compile" in self.peer:
            from torch import _dynamo
            from torch._inductor import config

            config.freezing = self.frozen
            _dynamo.reset()
            self.call = torch.compile(self.module, dynamic=False)
        self.run()
        return self.run().float().numpy()

    def run(self):
        torch = self.torch
        with torch.no_grad() if "compile" in self.peer else torch.inference_mode():
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.amp):
                return self.call(self.image)

    def turn(self, runs):
        return [timed(self.run) for _ in range(runs)]


class OpenVino:
    def __init__(self, peer, model, size, threads):
        import openvino

        self.openvino, self.peer, self.size, self.threads = openvino, peer, size, threads
        self.module = network_module(model)

    def prepare(self, batch):
        image = pictures(self.size, batch)
        shape = list(image.shape)
        converted = self.openvino.convert_model(self.module, example_input=image, input=shape)
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if "bf16" in self.peer else "f32",
            "INFERENCE_NUM_THREADS": self.threads,
        }
        streams = self.threads if "streams" in self.peer else 0
        settings.update({"NUM_STREAMS": streams} if streams else {"PERFORMANCE_HINT": "LATENCY"})
        compiled = self.openvino.Core().compile_model(converted, "CPU", settings)
        self.image = image.numpy()
        self.request = compiled.create_infer_request()
        self.queue = self.openvino.AsyncInferQueue(compiled, streams) if streams else None
        return self.request.infer([self.image])[0].copy()

    def turn(self, runs):
        if not self.queue:
            return [timed(lambda: self.request.infer([self.image], share_inputs=True, share_outputs=True)) for _ in range(runs)]
        runs = -(-max(runs, self.threads) // self.threads) * self.threads

        def all_in_flight():
            for _ in range(runs):
                self.queue.start_async([self.image], share_inputs=True)
            self.queue.wait_all()

        return [timed(all_in_flight) / runs]


def timed(call):
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def main():
    peer, model, size, logits = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the runtimes' own words must not mix with the answers
    threads = int(os.environ["OMP_NUM_THREADS"])
    runtime, prepared = None, None
    for line in sys.stdin:
        batch, runs = map(int, line.split())
        try:
            runtime = runtime or (Torch if peer.startswith("torch") else OpenVino)(peer, model, size, threads)
            if prepared != batch:
                runtime.prepare(batch)[:1].astype("<f4").tofile(logits)
                prepared = batch
            answer = {"ms": runtime.turn(runs)}
        except Exception as error:  # whatever it is, the others go on
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
