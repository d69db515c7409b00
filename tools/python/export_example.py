#!/usr/bin/env python3
"""Exports a network in both forms that --model-file takes: TorchScript, and AOTInductor packages.

    tools/setup/torch-python tools/python/export_example.py FOLDER [--name mine] [--size 64] [--batches 1,2,4]

FOLDER/mine.pt, FOLDER/mine-1.pt2, ... and FOLDER/mine.json come of it. Put your own network in the place of Example: it
takes N x 3 x H x W normalised floats and gives a map of logits (or probabilities: FOLDER/mine.json must then say
"outputs": "probabilities"; docs/models-and-weights.md has the other keys). Packages want a C++ compiler, and are for the kind of CPU (or, with model and input on it, the
kind of GPU) that they are made on; for any with AVX2:

    ATEN_CPU_CAPABILITY=avx2 TORCHINDUCTOR_CPP_MARCH=x86-64-v3 tools/setup/torch-python tools/python/export_example.py FOLDER
"""
import argparse
import json
import os
import warnings

warnings.filterwarnings("ignore")  # torch's, about NumPy, Triton and CUDA, which are not needed here

import torch


class Example(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 8, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 1, 1),
        )

    def forward(self, images):
        return self.layers(images)


def example():
    """Not trained but set by hand, so that its masks mean something: what is darker than its ground, blurred twice."""
    network = Example().eval()
    first, second, last = (network.layers[i] for i in (0, 2, 4))
    with torch.no_grad():
        first.weight.fill_(-1 / 27)  # how far below 0.6 (normalised) the mean of 3 x 3 pixels lies, else 0
        first.bias.fill_(0.6)
        second.weight.fill_(1 / 72)
        second.bias.fill_(0.0)
        last.weight.fill_(20 / 8)
        last.bias.fill_(-4.0)
    return network


def save_torchscript(network, path):
    torch.jit.script(network).save(path)


def save_package(network, batch, size, path):
    with torch.no_grad():
        program = torch.export.export(network, (torch.zeros(batch, 3, size, size),))
        torch._inductor.aoti_compile_and_package(program, package_path=path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--name", default="mine")
    parser.add_argument("--size", type=int, default=64, help="height and width of the input, pixels")
    parser.add_argument("--batches", default="1,2,4", help="of the packages; none where it is empty")
    options = parser.parse_args()
    base = os.path.join(options.folder, options.name)
    os.makedirs(options.folder, exist_ok=True)
    network = example()
    save_torchscript(network, base + ".pt")
    for batch in map(int, filter(None, options.batches.split(","))):
        save_package(network, batch, options.size, f"{base}-{batch}.pt2")
    with open(base + ".json", "w") as out:
        json.dump({"input_size": options.size, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, out)


if __name__ == "__main__":
    main()
