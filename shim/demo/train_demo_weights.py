#!/usr/bin/env python3
"""Trains the demo weights: norm scales, norm offsets and the head, over the counter generator's convolutions.

    make core                                                   # builds the two programs that this script runs
    shim/demo/train_demo_weights.py cbam_resunet --steps 400    # writes src/networks/demo/cbam_resunet.f16
    shim/demo/train_demo_weights.py hrnet --steps 400
    shim/demo/train_demo_weights.py hrnet --go-on --steps 500 --rate 2e-2
    shim/demo/train_demo_weights.py hrnet --evaluate            # judges what is committed, trains nothing
    shim/demo/train_demo_weights.py hrnet --golden              # runs the golden cases, trains nothing

That is how the committed files came to be: on 64 held-out images of 128 x 128 their masks' IoU with the truth is 0.959
(CBAM-ResUNet) and 0.951 (HRNet) in FP32, and that of BF16 masks with FP32 masks 0.999 and 0.998.

Needs Python 3.9, torch and numpy; run it from the repository's root. It takes some ten minutes a network on two idle
cores (OMP_WAIT_POLICY=passive on busy ones). The networks are not defined here again: build/tests/network-list prints the C library's operation list, and
this script runs that. The images are the C library's too, drawn by build/tests/draw-spheroids. So whoever changes a
network or the drawing trains again, and commits the two files that come out.

A file is a header of 32 bytes (magic "BTDW", version u32, count u64, seed u64, hash u64), then `count` FP16 values:
the trained parameters, whole, in the network's order. `seed` is the counter generator's for all the others. `hash`
is FNV-1a over a line "name<TAB>64x3x3x3<NEWLINE>" of each trained parameter, and refuses a file of another network.
Everything is little-endian.
"""
import argparse
import json
import struct
import subprocess
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

COUNTER_SEED = 20240917
TRAINING_SEED = 1000  # of the images, and all above
HELD_OUT_SEED = 2
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
WORD = 0xFFFFFFFFFFFFFFFF


# ---- the counter generator (src/base/random.h, src/networks/weights.h) ----


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & WORD
    return value


def counter_uniform(name, seed, count):
    key = np.uint64(fnv1a64(name.encode()) ^ seed)
    with np.errstate(over="ignore"):
        z = key + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**53


def counter_parameter(parameter, seed):
    dims = parameter["dims"]
    count = int(np.prod(dims))
    u = 2 * counter_uniform(parameter["name"], seed, count) - 1
    if len(dims) >= 2:
        values = u * np.sqrt(6 / (count // dims[0]))
    else:
        values = (1 if parameter["role"] == "scale" else 0) + 0.1 * u
    return torch.from_numpy(values.astype(np.float32).reshape(dims))


# ---- running an operation list ----

ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "sigmoid": torch.sigmoid}


def resized(inputs, operation):
    size = inputs[operation["resize_to_input"]].shape[2:]
    return [
        x if x.shape[2:] == size else F.interpolate(x, size=size, mode="bilinear", align_corners=True) for x in inputs
    ]


def channel_attention(x, squeeze, widen):
    def mlp(v):
        return F.linear(F.relu(F.linear(v, squeeze)), widen)

    weight = torch.sigmoid(mlp(x.mean((2, 3))) + mlp(x.amax((2, 3))))
    return x * weight[:, :, None, None]


def spatial_attention(x, weight, padding):
    pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
    return x * torch.sigmoid(F.conv2d(pooled, weight, padding=padding))


def run_operation(operation, x, p):
    """x: the operation's input tensors; p: its parameters."""
    kind = operation["kind"]
    activation = ACTIVATIONS[operation["activation"]]
    if kind == "convolution":
        return F.conv2d(x[0], p[0], p[1] if len(p) > 1 else None, operation["stride"], operation["padding"])
    if kind == "transposed_convolution":
        return F.conv_transpose2d(x[0], p[0], p[1], operation["stride"])
    if kind == "norm":
        y = F.instance_norm(x[0], weight=p[0], bias=p[1], eps=1e-5)
        return activation(y + x[1] if len(x) > 1 else y)
    if kind == "add":
        return activation(sum(resized(x, operation)))
    if kind == "concatenate":
        return torch.cat(resized(x, operation), 1)
    if kind == "max_pool":
        return F.max_pool2d(x[0], operation["kernel"])
    if kind == "resize":
        return F.interpolate(x[0], scale_factor=float(operation["scale"]), mode="bilinear", align_corners=True)
    if kind == "gate":
        return x[0] * x[1]
    if kind == "channel_attention":
        return channel_attention(x[0], *p)
    if kind == "spatial_attention":
        return spatial_attention(x[0], p[0], operation["padding"])
    raise ValueError(f"unknown operation {kind}")


def forward(network, parameters, image):
    last_use = {t: i for i, operation in enumerate(network["operations"]) for t in operation["inputs"]}
    tensors = {0: image}
    for i, operation in enumerate(network["operations"]):
        inputs = [tensors[t] for t in operation["inputs"]]
        mine = [parameters[j] for j in operation["parameters"] if j >= 0]
        tensors[operation["output"]] = run_operation(operation, inputs, mine)
        for t in operation["inputs"]:
            if last_use[t] == i:
                tensors.pop(t, None)
    return tensors[network["output"]]


def load_network(model):
    return json.loads(subprocess.check_output(["build/tests/network-list", "--model", model, "--json"]))


def is_trained(parameter):
    return parameter["role"] in ("scale", "offset") or parameter["in_head"]


def in_bf16(network, parameters):
    """The frozen convolutions cast once: autocast would cast them again in every step."""
    return [
        v.to(torch.bfloat16) if not is_trained(p) else v for p, v in zip(network["parameters"], parameters)
    ]


# ---- images ----


class Images:
    """An endless stream of one size, drawn by the C library in a process of its own."""

    def __init__(self, seed, size, count=1 << 40):
        self.size = size
        command = ["build/tests/draw-spheroids", "--seed", str(seed), "--count", str(count), "--size", str(size)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def batch(self, count):
        """Normalised images, count x 3 x size x size, and their masks, count x size x size."""
        pixels = self.size * self.size
        raw = np.frombuffer(self.process.stdout.read(4 * pixels * count), np.uint8).reshape(count, 4 * pixels)
        rgb = torch.from_numpy(raw[:, : 3 * pixels].reshape(count, self.size, self.size, 3).copy())
        mask = torch.from_numpy(raw[:, 3 * pixels :].reshape(count, self.size, self.size).copy())
        return (rgb.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD, mask.float()

    def close(self):
        self.process.kill()
        self.process.wait()


# ---- judging and training ----


def iou(a, b):
    """Of every image on its own; an empty mask that is rightly empty counts as 1."""
    union = (a | b).sum((1, 2)).double()
    return torch.where(union > 0, (a & b).sum((1, 2)) / union.clamp(min=1), torch.ones_like(union))


def evaluate(network, parameters, size=128, count=64):
    """Prints the mean IoU with the truth in FP32, and of BF16 masks with FP32 masks."""
    images = Images(HELD_OUT_SEED, size, count)
    truth, precisions = [], []
    cast = in_bf16(network, parameters)
    for _ in range(count // 4):
        x, mask = images.batch(4)
        with torch.inference_mode():
            exact = forward(network, parameters, x)[:, 0] > 0
            with torch.autocast("cpu", dtype=torch.bfloat16):
                rounded = forward(network, cast, x)[:, 0] > 0
        truth.append(iou(exact, mask > 0.5))
        precisions.append(iou(exact, rounded))
    images.close()
    truth, precisions = torch.cat(truth), torch.cat(precisions)
    print(
        f"{size}x{size}, {count} held-out images: IoU mean {truth.mean():.4f} lowest {truth.min():.4f}; "
        f"BF16 against FP32 masks mean {precisions.mean():.4f} lowest {precisions.min():.4f}",
        flush=True,
    )


def loss_of(logits, mask):
    probability = torch.sigmoid(logits)
    overlap = 2 * (probability * mask).sum((1, 2)) + 1
    dice = 1 - overlap / (probability.sum((1, 2)) + mask.sum((1, 2)) + 1)
    return F.binary_cross_entropy_with_logits(logits, mask) + dice.mean()


def train(network, parameters, steps, batch, rate):
    learned = [v.requires_grad_() for p, v in zip(network["parameters"], parameters) if is_trained(p)]
    cast = in_bf16(network, parameters)
    seed = TRAINING_SEED + steps  # so that training that goes on sees other images
    small, full = Images(seed, 96), Images(seed + 1, 128)
    optimizer = torch.optim.AdamW(learned, lr=rate, weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    start = time.time()
    for step in range(1, steps + 1):
        # The size of the deployment every fourth step, and for the last fifth.
        x, mask = full.batch(batch) if step % 4 == 0 or step > 0.8 * steps else small.batch(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = forward(network, cast, x)[:, 0]
        loss = loss_of(logits.float(), mask)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        if step % 25 == 0:
            print(f"step {step} loss {loss.item():.3f}, {time.time() - start:.0f} s", flush=True)
        if step % 200 == 0 and step < steps:
            evaluate(network, [v.detach() for v in parameters], count=16)
    small.close()
    full.close()
    return [v.detach() for v in parameters]


# ---- the file ----


def shape_hash(trained):
    lines = [f"{p['name']}\t{'x'.join(map(str, p['dims']))}\n" for p in trained]
    return fnv1a64("".join(lines).encode())


def save(path, network, parameters):
    trained = [p for p in network["parameters"] if is_trained(p)]
    values = [v.numpy().ravel() for p, v in zip(network["parameters"], parameters) if is_trained(p)]
    values = np.concatenate(values).astype("<f2")
    header = struct.pack("<4sIQQQ", b"BTDW", 1, values.size, COUNTER_SEED, shape_hash(trained))
    with open(path, "wb") as file:
        file.write(header + values.tobytes())


def load(path, network):
    with open(path, "rb") as file:
        data = file.read()
    magic, version, count, seed, known = struct.unpack("<4sIQQQ", data[:32])
    trained = [p for p in network["parameters"] if is_trained(p)]
    if magic != b"BTDW" or version != 1 or known != shape_hash(trained):
        sys.exit(f"{path}: not demo weights of {network['title']}")
    values, used = np.frombuffer(data[32:], "<f2", count), 0
    parameters = []
    for parameter in network["parameters"]:
        if is_trained(parameter):
            size = int(np.prod(parameter["dims"]))
            chosen = values[used : used + size].astype(np.float32).reshape(parameter["dims"])
            parameters.append(torch.from_numpy(chosen))
            used += size
        else:
            parameters.append(counter_parameter(parameter, seed))
    return parameters


def run_golden(network):
    with open("tests/golden/cases.json") as file:
        cases = [case for case in json.load(file) if case["model"] == network["name"]]
    for case in cases:
        parameters = [counter_parameter(p, case["seed"]) for p in network["parameters"]]
        shape = case["input_shape"]
        x = counter_uniform(case["input_name"], case["seed"], int(np.prod(shape))).astype(np.float32)
        with torch.inference_mode():
            logits = forward(network, parameters, torch.from_numpy(x.reshape(shape))).double().numpy()
        golden = np.fromfile(f"tests/golden/{case['logits']}", "<f4").reshape(case["output_shape"]).astype(np.float64)
        error = np.linalg.norm(logits - golden) / np.linalg.norm(golden - golden.mean())
        print(f"{case['logits']}: relative error {error:.3g}, {error / case['torch_f32_relative_error']:.2f} of the case's own")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="hrnet or cbam_resunet")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=4, help="images a step")
    parser.add_argument("--rate", type=float, default=3e-2, help="the learning rate's peak")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--go-on", action="store_true", help="start from the file, not from the counter's values")
    parser.add_argument("--output", help="the file to write (default src/networks/demo/MODEL.f16)")
    parser.add_argument("--evaluate", type=int, metavar="SIZE", nargs="?", const=128, help="judge the file; no training")
    parser.add_argument("--count", type=int, default=64, help="held-out images")
    parser.add_argument("--golden", action="store_true", help="run the golden cases; no training")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network = load_network(arguments.model)
    path = arguments.output or f"src/networks/demo/{arguments.model}.f16"
    if arguments.golden:
        return run_golden(network)
    if arguments.evaluate is None:
        if arguments.go_on:
            parameters = load(path, network)
        else:
            parameters = [counter_parameter(p, COUNTER_SEED) for p in network["parameters"]]
        save(path, network, train(network, parameters, arguments.steps, arguments.batch, arguments.rate))
    evaluate(network, load(path, network), arguments.evaluate or 128, arguments.count)


if __name__ == "__main__":
    main()
