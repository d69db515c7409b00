#!/usr/bin/env python3
"""Exports networks that people have as TorchScript, each by one line, with random weights: torchvision's, those of
segmentation-models-pytorch (smp), MONAI's, one over timm's encoders, nnU-Net's, and a U-Net written out below.

    make deps-networks
    tools/setup/torch-python tools/python/export_networks.py FOLDER [--names fcn,unet] [--size 64] [--onnx]

FOLDER/NAME.pt, its NAME.json and what PyTorch itself makes of two pictures come of it: NAME.argmax (a byte a pixel) of
x.f32 (2 x 3 x SIZE x SIZE, as N x 3 x H x W goes in). docs/models-and-weights.md has the same lines with trained weights.
--onnx writes unet.onnx, too, for batches of any size.
"""
import argparse
import json
import os
import warnings

warnings.filterwarnings("ignore")

import torch
from torch import nn
from torch.nn import functional as F


class UNet(nn.Module):
    """Three classes, two levels, BatchNorm."""

    def __init__(self, classes=3, width=16):
        super().__init__()
        self.first, self.second, self.third = self.block(3, width), self.block(width, 2 * width), self.block(2 * width, 4 * width)
        self.up_third = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.up_second = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.join_second, self.join_first = self.block(4 * width, 2 * width), self.block(2 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    @staticmethod
    def block(inputs, outputs):
        layers = []
        for channels in (inputs, outputs):
            layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    def forward(self, x):
        first = self.first(x)
        second = self.second(F.max_pool2d(first, 2))
        third = self.third(F.max_pool2d(second, 2))
        second = self.join_second(torch.cat([second, self.up_third(third)], 1))
        return self.head(self.join_first(torch.cat([first, self.up_second(second)], 1)))


class OwnStatistics(nn.Module):
    """nnU-Net normalises each picture by its own mean and deviation: done in the network, it need not be said outside."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        x = (x - x.mean([2, 3], keepdim=True)) / x.std([2, 3], keepdim=True).clamp(min=1e-8)
        return self.network(x)


# NAME: the line, with the weights that people train from or with; and what its JSON file says.
LINES = {
    "fcn": ('torchvision.models.segmentation.fcn_resnet50(weights="DEFAULT")', {}),
    "deeplabv3": ('torchvision.models.segmentation.deeplabv3_resnet50(weights="DEFAULT")', {}),
    "lraspp": ('torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights="DEFAULT")', {}),
    "smp_unet": ('smp.Unet("resnet18", encoder_weights="imagenet", classes=3)', {"pad_to_multiple": 32}),
    "smp_fpn": ('smp.FPN("resnet18", encoder_weights="imagenet", classes=3)', {"pad_to_multiple": 32}),
    "timm": ('smp.Unet("tu-mobilenetv3_small_100", encoder_weights="imagenet", classes=3)', {"pad_to_multiple": 32}),
    "monai": ("monai.networks.nets.UNet(2, 1, 3, channels=(16, 32, 64, 128), strides=(2, 2, 2))",
              {"channels": 1, "mean": [0], "std": [1], "pad_to_multiple": 8}),
    "nnunet": ("OwnStatistics(PlainConvUNet(3, 4, (8, 16, 32, 64), nn.Conv2d, 3, (1, 2, 2, 2), (2, 2, 2, 2), 3, (2, 2, 2), **NNUNET))",
               {"pad_to_multiple": 8}),
    "unet": ("UNet(classes=3)", {"classes": ["background", "cell", "border"], "pad_to_multiple": 4}),
}
# What nnU-Net itself hands its networks (nnUNetPlans.json: "network_arch_init_kwargs").
NNUNET = {"conv_bias": True, "norm_op": nn.InstanceNorm2d, "norm_op_kwargs": {"eps": 1e-5, "affine": True},
          "nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
# The same lines without a download.
UNTRAINED = {'weights="DEFAULT"': "weights=None, weights_backbone=None", 'encoder_weights="imagenet"': "encoder_weights=None"}

TRACED = {"nnunet"}  # its encoder returns a list or a tensor, which TorchScript cannot say


def make(name):
    """The network as its line has it, untrained."""
    line = LINES[name][0]
    for trained, untrained in UNTRAINED.items():
        line = line.replace(trained, untrained)
    if "torchvision" in line:
        import torchvision
    elif "smp." in line:
        import segmentation_models_pytorch as smp
    elif "monai" in line:
        import monai.networks.nets
    elif "PlainConvUNet" in line:
        from dynamic_network_architectures.architectures.unet import PlainConvUNet
    return eval(line, {**globals(), **locals()}).eval()


def map_of(out):
    """The map of what a network gives: torchvision's is in a dictionary."""
    return out["out"] if isinstance(out, dict) else out


def enliven(network, x):
    """Random weights give one class everywhere: norms get statistics of x, and the last bias evens the classes out."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    network.train()
    network(x)
    network.eval()
    head = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.bias is not None]
    logits = map_of(network(x))
    head = [layer for layer in head if layer.out_channels == logits.shape[1]][-1]
    head.bias -= logits.mean([0, 2, 3])


def save(network, name, folder, x):
    said = LINES[name][1]
    given = x.mean(1, keepdim=True) if said.get("channels") == 1 else x
    enliven(network, given)
    program = torch.jit.trace(network, given) if name in TRACED else torch.jit.script(network)
    program.save(os.path.join(folder, name + ".pt"))
    labels = map_of(network(given)).argmax(1)
    labels.to(torch.uint8).numpy().tofile(os.path.join(folder, name + ".argmax"))
    with open(os.path.join(folder, name + ".json"), "w") as out:
        json.dump(said, out)
    print(f"{name}: {labels.unique().numel()} classes seen, {sum(p.numel() for p in network.parameters()) / 1e6:.1f} M weights")


def save_onnx(network, path, size):
    torch.onnx.export(network, (torch.zeros(1, 3, size, size),), path, input_names=["image"], output_names=["map"],
                      dynamic_axes={"image": {0: "batch"}, "map": {0: "batch"}}, opset_version=17, dynamo=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--names", default=",".join(LINES))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--onnx", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    torch.manual_seed(options.seed)
    rough = torch.randn(2, 3, options.size // 4, options.size // 4)
    x = F.interpolate(rough, scale_factor=4, mode="bicubic") + 0.1 * torch.randn(2, 3, options.size, options.size)
    x.numpy().astype("float32").tofile(os.path.join(options.folder, "x.f32"))
    with torch.no_grad():
        for name in options.names.split(","):
            network = make(name)
            save(network, name, options.folder, x)
            if options.onnx and name == "unet":
                save_onnx(network, os.path.join(options.folder, "unet.onnx"), options.size)


if __name__ == "__main__":
    main()
