#!/usr/bin/env python3
"""What the golden case of U-Net holds: its logits in double, by PyTorch's own modules.

    tools/setup/torch-python tools/python/make_unet_bn_golden.py OUT_FOLDER

Writes unet_bn-1x64x64.f32 and unet_bn.params.tsv, and prints the case's row of cases.json. The network is written down here as
people have it, module by module, and knows nothing of configs/networks/unet_bn.list."""
import json
import os
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(__file__))
from networks import COUNTER_SEED, counter_parameter, counter_uniform


class DoubleConv(nn.Module):
    def __init__(self, into, out):
        super().__init__()
        steps = []
        for first in (into, out):
            steps += [nn.Conv2d(first, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        self.double_conv = nn.Sequential(*steps)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, into, out):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(into, out))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, into, out):
        super().__init__()
        self.up = nn.ConvTranspose2d(into, out, 2, stride=2)
        self.conv = DoubleConv(into, out)

    def forward(self, x, skip):
        return self.conv(torch.cat([skip, self.up(x)], 1))


class OutConv(nn.Module):
    def __init__(self, into, classes):
        super().__init__()
        self.conv = nn.Conv2d(into, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.inc = DoubleConv(3, 64)
        for i in range(4):
            setattr(self, f"down{i + 1}", Down(64 << i, 128 << i))
            setattr(self, f"up{i + 1}", Up(1024 >> i, 512 >> i))
        self.outc = OutConv(64, classes)

    def forward(self, x):
        skips = [self.inc(x)]
        for i in range(4):
            skips.append(getattr(self, f"down{i + 1}")(skips[-1]))
        x = skips.pop()
        for i in range(4):
            x = getattr(self, f"up{i + 1}")(x, skips.pop())
        return self.outc(x)


def role_of(name, dims):
    last = name.rsplit(".", 1)[1]
    if len(dims) > 1:
        return "weight"
    return "scale" if last == "weight" else "variance" if last == "running_var" else "offset"


def main():
    folder, shape, name = sys.argv[1], [1, 3, 64, 64], "input/1x64x64"
    network = UNet(1).eval()
    state = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    for key, value in state.items():
        dims = list(value.shape)
        value.copy_(counter_parameter({"name": key, "dims": dims, "role": role_of(key, dims)}, COUNTER_SEED))
    x = counter_uniform(name, COUNTER_SEED, int(np.prod(shape))).astype(np.float32).reshape(shape)
    with torch.inference_mode():
        near = network(torch.from_numpy(x)).double().numpy()
        logits = network.double()(torch.from_numpy(x).double()).numpy()
    logits.astype("<f4").tofile(f"{folder}/unet_bn-1x64x64.f32")
    with open(f"{folder}/unet_bn.params.tsv", "w") as file:
        file.write("name\tshape\n")
        file.writelines(f"{k}\t{'x'.join(map(str, v.shape))}\n" for k, v in state.items())
    error = np.linalg.norm(near - logits) / np.linalg.norm(logits - logits.mean())
    print(json.dumps({"model": "unet_bn", "seed": COUNTER_SEED, "input_shape": shape, "input_name": name,
                      "logits": "unet_bn-1x64x64.f32", "output_shape": list(logits.shape), "mean": logits.mean(),
                      "std": logits.std(), "torch_f32_relative_error": error}, indent=1))


if __name__ == "__main__":
    main()
