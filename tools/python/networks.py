"""The networks in Python: the C library's operation lists under PyTorch, their weights, and pictures to run them on.

Nothing is defined here a second time: build/tests/network-list prints a network's list, which forward() walks, and
build/tests/draw-spheroids draws the pictures (`make core` builds both). Training the demo weights and timing
the peers both stand on this. Run from the repository's root.

A file of demo weights is a header of 32 bytes (magic "BTDW", version u32, count u64, seed u64, hash u64), then
`count` FP16 values: the trained parameters, whole, in the network's order. `seed` is the counter generator's for all
the others. `hash` is FNV-1a over a line "name<TAB>64x3x3x3<NEWLINE>" of each trained parameter, and refuses a file of
another network. Everything is little-endian.
"""
import json
import os
import struct
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F

COUNTER_SEED = 20240917
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
        values = (1 if parameter["role"] in ("scale", "variance") else 0) + 0.1 * u
    return torch.from_numpy(values.astype(np.float32).reshape(dims))


# ---- running an operation list ----

ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "sigmoid": torch.sigmoid, "relu6": F.relu6, "silu": F.silu}


def activation_of(operation):
    if operation["activation"] == "leaky_relu":
        return lambda x: F.leaky_relu(x, operation["slope"])
    return ACTIVATIONS[operation["activation"]]


def resize(x, operation, **size):
    if operation["resize"] == "nearest":
        return F.interpolate(x, mode="nearest", **size)
    return F.interpolate(x, mode="bilinear", align_corners=operation["resize"] == "aligned", **size)


def finished(y, operation, x, p):
    """What a convolution's operation has after it; `p` by place, None where there is none."""
    if p[4] is not None:
        y = F.batch_norm(y, p[4], p[5], p[2], p[3], eps=1e-5)
    return activation_of(operation)(y + x[1] if len(x) > 1 else y)


def resized(inputs, operation):
    size = inputs[operation["resize_to_input"]].shape[2:]
    return [x if x.shape[2:] == size else resize(x, operation, size=size) for x in inputs]


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
    activation = activation_of(operation)
    if kind == "convolution":
        measures = (operation[k] for k in ("stride", "padding", "dilation", "groups"))
        y = F.conv2d(x[0], p[0], p[1], *measures)
        return finished(y, operation, x, p)
    if kind == "transposed_convolution":
        stride, padding, kernel = (operation[k] for k in ("stride", "padding", "kernel"))
        y = F.conv_transpose2d(x[0], p[0], p[1], stride, padding, stride + 2 * padding - kernel)
        return finished(y, operation, x, p)
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
        return resize(x[0], operation, scale_factor=float(operation["scale"]))
    if kind == "gate":
        return x[0] * x[1]
    if kind == "channel_attention":
        return channel_attention(x[0], *p[:2])
    if kind == "spatial_attention":
        return spatial_attention(x[0], p[0], operation["padding"])
    raise ValueError(f"unknown operation {kind}")


def forward(network, parameters, image):
    last_use = {t: i for i, operation in enumerate(network["operations"]) for t in operation["inputs"]}
    tensors = {0: image}
    for i, operation in enumerate(network["operations"]):
        inputs = [tensors[t] for t in operation["inputs"]]
        mine = [parameters[j] if j >= 0 else None for j in operation["parameters"]]
        tensors[operation["output"]] = run_operation(operation, inputs, mine)
        for t in operation["inputs"]:
            if last_use[t] == i:
                tensors.pop(t, None)
    return tensors[network["output"]]


def load_network(model):
    return json.loads(subprocess.check_output(["build/tests/network-list", "--model", model, "--json"]))


# ---- demo weights ----


def is_trained(parameter):
    return parameter["role"] in ("scale", "offset") or parameter["in_head"]


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


def demo_source(model):
    """What --weights says of a built-in network: its demonstration weights, or, where it has none, random ones."""
    return "demo" if os.path.exists(f"src/networks/demo/{model}.f16") else f"counter:{COUNTER_SEED}"


def load(path, network):
    if not os.path.exists(path):
        return [counter_parameter(p, COUNTER_SEED) for p in network["parameters"]]
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
