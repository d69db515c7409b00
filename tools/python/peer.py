#!/usr/bin/env python3
"""One peer in a process of its own: a network under another runtime, run when peers.py says so.

    tools/python/peer.py PEER MODEL SIZE LOGITS PICTURES DEVICE

A line "BATCH RUNS" on standard input is answered by a line of JSON: {"ms": [...], "precision": "bf16"}, or {"error":
"..."}. The first line with a new batch size prepares that size, untimed, and writes what the network makes of the first
PICTURES pictures into the file LOGITS.

OpenVINO's peers are "openvino", a precision where one is forced, and "-streams" for a stream a core with as many batches
in flight: "openvino-int8-streams". Where none is forced, each float precision is tried for each batch size, and the
fastest taken. INT8 is what NNCF makes of the FP32 model by its own defaults (its preset "mixed" agrees no better on HRNet,
and takes a sixth longer), calibrated on pictures of its own; what stays float runs in the fastest float precision, too.
The layers of channel attention, which cost nothing, stay float: quantised, OpenVINO 2026.4.1 makes garbage of them in small
batches (findings/openvino-quantised-layers-are-garbage-in-small-batches.sh). Models once converted and quantised are kept in
.deps/openvino.

ONNX Runtime's are "onnxruntime", with every graph optimisation, and "onnxruntime-int8": what its static quantisation makes
of the same file (QDQ, weights by channel, of 7 bits where the CPU adds bytes to 16 bits and they would overflow),
calibrated on the same pictures. `make deps-onnx` brings it.
"""
import hashlib
import json
import os
import statistics
import sys
import time

PEERS = {
    "torch-eager": "libtorch's operations one by one, FP32, contiguous",
    "torch-eager-bf16": "the same under autocast to BF16",
    "torch-compile-bf16": "torch.compile, autocast to BF16",
    "torch-compile-bf16-frozen": "torch.compile, weights held in BF16, channels_last, frozen",
    "torch-compile-fp16-frozen": "on a GPU: torch.compile as CUDA graphs, all in FP16, channels_last, frozen",
    "openvino": "OpenVINO at its best float precision, latency mode",
    "openvino-streams": "the same, a stream a core: time per batch",
    "openvino-int8": "OpenVINO, quantised by NNCF, latency mode",
    "openvino-int8-streams": "the same, a stream a core: time per batch",
    "onnxruntime": "ONNX Runtime, FP32",
    "onnxruntime-int8": "the same, quantised by its own tool",
}
# The same as in bench-networks.c: seeds and number.
PICTURES_SEED = 1
CALIBRATION_SEED = 2
CALIBRATION_PICTURES = 32
CACHE = os.path.abspath(".deps/openvino")
sys.path += [os.path.abspath(".deps/onnx"), os.path.abspath(".deps/onnx-tests")]
NOT_QUANTISED = ["MatMul"]
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}  # OpenVINO's words
TRIAL_ROUNDS = 5


def pictures(size, count, seed=PICTURES_SEED):
    from networks import Images

    stream = Images(seed, size, count)
    images, _ = stream.batch(count)
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
        self.torch, self.peer = torch, peer
        self.amp = "bf16" in peer and "frozen" not in peer
        self.precision = "bf16" if "bf16" in peer else "fp32"
        self.module = network_module(model)
        self.frozen = "frozen" in peer
        if self.frozen:
            self.module = self.module.to(torch.bfloat16)
            for parameter in self.module.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.to(memory_format=torch.channels_last)

    def prepare(self, images):
        self.take(images)
        self.call = self.module
        if "compile" in self.peer:
            from torch import _dynamo
            from torch._inductor import config

            config.freezing = self.frozen
            _dynamo.reset()
            self.call = self.torch.compile(self.module, dynamic=False)
        self.run()

    def take(self, images):
        self.image = images
        if self.frozen:
            self.image = images.to(self.torch.bfloat16).to(memory_format=self.torch.channels_last)

    def logits(self):
        return self.run().float().numpy()

    def run(self):
        torch = self.torch
        with torch.no_grad() if "compile" in self.peer else torch.inference_mode():
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.amp):
                return self.call(self.image)

    def turn(self, runs):
        return [timed(self.run) for _ in range(runs)]


class TorchOnGpu:
    """Held in FP16; from images in ordinary host memory to logits there."""

    def __init__(self, peer, model, size, device):
        import torch

        if peer != "torch-compile-fp16-frozen":
            raise ValueError(f"{peer} is no peer on a GPU")
        torch.backends.cudnn.benchmark = True
        self.torch, self.device, self.precision = torch, device, "fp16"
        self.module = network_module(model).half().to(device)
        for parameter in self.module.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.to(memory_format=torch.channels_last)

    def prepare(self, images):
        from torch import _dynamo
        from torch._inductor import config

        config.freezing = True
        _dynamo.reset()
        self.take(images)
        self.call = self.torch.compile(self.module, mode="reduce-overhead", dynamic=False)
        for _ in range(4):  # compiles, warms up, records its graph
            self.run()

    def take(self, images):
        self.image = images

    def logits(self):
        return self.run().numpy()

    def run(self):
        torch = self.torch
        with torch.no_grad():
            image = self.image.to(self.device).to(memory_format=torch.channels_last).half()
            return self.call(image).float().cpu()

    def turn(self, runs):
        return [timed(self.run) for _ in range(runs)]


class Compiled:
    """An OpenVINO model made ready for one batch size, in one float precision."""

    def __init__(self, core, model, precision, threads, streams):
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": HINTS[precision], "INFERENCE_NUM_THREADS": threads}
        settings.update({"NUM_STREAMS": streams} if streams else {"PERFORMANCE_HINT": "LATENCY"})
        compiled = core.compile_model(model, "CPU", settings)
        taken = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.precision = next(word for word, hint in HINTS.items() if hint == taken)
        self.streams = streams
        self.request = compiled.create_infer_request()
        self.queue = openvino.AsyncInferQueue(compiled, streams) if streams else None

    def logits(self, image):
        return self.request.infer([image])[0].copy()

    def turn(self, image, runs):
        if not self.queue:
            return [timed(lambda: self.request.infer([image], share_inputs=True, share_outputs=True)) for _ in range(runs)]
        runs = -(-max(runs, self.streams) // self.streams) * self.streams

        def all_in_flight():
            for _ in range(runs):
                self.queue.start_async([image], share_inputs=True)
            self.queue.wait_all()

        return [timed(all_in_flight) / runs]


class OpenVino:
    def __init__(self, peer, model, size, threads):
        import openvino

        words = peer.split("-")[1:]
        self.streams = threads if "streams" in words else 0
        forced = [word for word in words if word != "streams"]
        if len(forced) > 1 or (forced and forced[0] not in (*HINTS, "int8")):
            raise ValueError(f"{peer} is no peer")
        self.int8 = forced == ["int8"]
        self.candidates = list(HINTS) if self.int8 or not forced else forced
        self.core, self.threads = openvino.Core(), threads
        self.file = (quantised_file if self.int8 else converted_file)(model, size)

    def prepare(self, images):
        model = self.core.read_model(self.file)
        model.reshape(list(images.shape))
        self.take(images)
        ready = [Compiled(self.core, model, p, self.threads, self.streams) for p in self.candidates]
        ready = list({one.precision: one for one in ready}.values())  # what a CPU has not is replaced
        times = {one: [] for one in ready}
        for _ in range(TRIAL_ROUNDS if len(ready) > 1 else 0):
            for one in ready:
                one.turn(self.image, 1)
                times[one] += one.turn(self.image, 1)
        self.chosen = min(ready, key=lambda one: statistics.median(times[one] or [0]))
        self.precision = ("int8, " if self.int8 else "") + self.chosen.precision

    def take(self, images):
        self.image = images.numpy()

    def logits(self):
        return self.chosen.logits(self.image)

    def turn(self, runs):
        return self.chosen.turn(self.image, runs)


class OnnxRuntime:
    def __init__(self, peer, model, size, threads):
        import onnxruntime

        if peer not in PEERS:
            raise ValueError(f"{peer} is no peer")
        int8 = peer.endswith("-int8")
        self.precision = "int8" if int8 else "fp32"
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        file = (quantised_onnx_file if int8 else onnx_file)(model, size)
        self.session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])

    def prepare(self, images):
        self.take(images)
        self.run()

    def take(self, images):
        self.image = images.numpy()

    def run(self):
        return self.session.run(None, {"image": self.image})[0]

    def logits(self):
        return self.run()

    def turn(self, runs):
        return [timed(self.run) for _ in range(runs)]


def cached(model, size, kind, made_of, make, save=None):
    """The file of a model that make() returns, written only where it is not there yet: `made_of` is what it depends on.
    Where `save` is not given, it is OpenVINO's; else save(made, path) writes one ONNX file."""
    from networks import demo_source, load_network

    weights = demo_source(model)
    if weights == "demo":
        with open(f"src/networks/demo/{model}.f16", "rb") as file:
            weights = hashlib.sha256(file.read()).hexdigest()
    facts = json.dumps([kind, made_of, weights, load_network(model)])
    name = f"{model}-{size}-{kind}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    path = os.path.join(CACHE, name)
    ends = [".onnx"] if save else [".bin", ".xml"]  # the one that is looked for comes last
    if not os.path.exists(path + ends[-1]):
        os.makedirs(CACHE, exist_ok=True)
        aside = os.path.join(CACHE, f"{os.getpid()}-{name}")
        (save or save_openvino)(make(), aside + ends[-1])
        for end in ends:
            os.replace(aside + end, path + end)
    return path + ends[-1]


def save_openvino(model, path):
    import openvino

    openvino.save_model(model, path, compress_to_fp16=False)


def converted_file(model, size):
    import openvino

    def convert():
        image = pictures(size, 1)
        return openvino.convert_model(network_module(model), example_input=image, input=list(image.shape))

    return cached(model, size, "fp32", [openvino.__version__], convert)


def quantised_file(model, size):
    import nncf
    import openvino

    def quantise():
        images = pictures(size, CALIBRATION_PICTURES, CALIBRATION_SEED)
        return nncf.quantize(
            openvino.Core().read_model(converted_file(model, size)),
            nncf.Dataset([image[None].numpy() for image in images]),
            subset_size=CALIBRATION_PICTURES,
            ignored_scope=nncf.IgnoredScope(types=NOT_QUANTISED, validate=False),
        )

    made_of = [openvino.__version__, nncf.__version__, CALIBRATION_SEED, CALIBRATION_PICTURES, NOT_QUANTISED]
    return cached(model, size, "int8", made_of, quantise)


def onnx_file(model, size):
    import torch

    def export(module, path):
        axes = {"image": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(module, (pictures(size, 1),), path, input_names=["image"], output_names=["logits"], dynamic_axes=axes,
                          opset_version=17, dynamo=False)

    return cached(model, size, "fp32", [torch.__version__], lambda: network_module(model), export)


def quantised_onnx_file(model, size):
    import onnxruntime
    from onnxruntime import quantization

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures(size, CALIBRATION_PICTURES, CALIBRATION_SEED))

        def get_next(self):
            image = next(self.left, None)
            return None if image is None else {"image": image[None].numpy()}

    with open("/proc/cpuinfo") as file:
        reduced = "vnni" not in file.read()

    def quantise(_, path):
        prepared = path + ".prepared"
        quantization.quant_pre_process(onnx_file(model, size), prepared, skip_symbolic_shape=True)
        quantization.quantize_static(prepared, path, Pictures(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                     reduce_range=reduced, activation_type=quantization.QuantType.QUInt8,
                                     weight_type=quantization.QuantType.QInt8)
        os.remove(prepared)

    made_of = [onnxruntime.__version__, CALIBRATION_SEED, CALIBRATION_PICTURES, reduced]
    return cached(model, size, "int8", made_of, lambda: None, quantise)


def timed(call):
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def write_logits(runtime, images, batch, count, path):
    """Of the first `count` pictures; `images` has enough of them for whole batches."""
    with open(path, "wb") as file:
        for first in range(0, count, batch):
            runtime.take(images[first : first + batch])
            file.write(runtime.logits()[: count - first].astype("<f4").tobytes())
    runtime.take(images[:batch])


def runtime_of(peer, model, size, device, threads):
    if device != "cpu":
        return TorchOnGpu(peer, model, size, device)
    kinds = {"torch": Torch, "onnxruntime": OnnxRuntime}
    return kinds.get(peer.split("-")[0], OpenVino)(peer, model, size, threads)


def main():
    peer, model, size, logits, count, device = sys.argv[1:]
    size, count = int(size), int(count)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the runtimes' own words must not mix with the answers
    threads = int(os.environ["OMP_NUM_THREADS"])
    runtime, prepared = None, None
    for line in sys.stdin:
        batch, runs = map(int, line.split())
        try:
            runtime = runtime or runtime_of(peer, model, size, device, threads)
            if prepared != batch:
                images = pictures(size, -(-count // batch) * batch)
                runtime.prepare(images[:batch])
                write_logits(runtime, images, batch, count, logits)
                prepared = batch
            answer = {"ms": runtime.turn(runs), "precision": runtime.precision}
        except Exception as error:  # whatever it is, the others go on
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
