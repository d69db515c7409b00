#!/usr/bin/env python3
"""Trains the demo weights: norm scales, norm offsets and the head, over the counter generator's convolutions.

    make core                                                   # builds the two programs that this script runs
    tools/python/train_demo_weights.py cbam_resunet --steps 400    # writes src/networks/demo/cbam_resunet.f16
    tools/python/train_demo_weights.py hrnet --steps 400
    tools/python/train_demo_weights.py hrnet --go-on --steps 500 --rate 2e-2
    tools/python/train_demo_weights.py hrnet --evaluate            # judges what is committed, trains nothing
    tools/python/train_demo_weights.py hrnet --golden              # runs the golden cases, trains nothing

That is how the committed files came to be: on 64 held-out images of 128 x 128 their masks' IoU with the truth is 0.959
(CBAM-ResUNet) and 0.951 (HRNet) in FP32, and that of BF16 masks with FP32 masks 0.999 and 0.998.

Needs Python 3.9, torch and numpy; run it from the repository's root. It takes some ten minutes a network on two idle
cores (OMP_WAIT_POLICY=passive on busy ones). The networks and the pictures are the C library's own (networks.py), so
whoever changes either trains again, and commits the two files that come out.
"""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

from networks import COUNTER_SEED, Images, counter_parameter, counter_uniform, forward, is_trained, load, load_network, save

TRAINING_SEED = 1000  # of the images, and all above
HELD_OUT_SEED = 2


def in_bf16(network, parameters):
    """The frozen convolutions cast once: autocast would cast them again in every step."""
    return [
        v.to(torch.bfloat16) if not is_trained(p) else v for p, v in zip(network["parameters"], parameters)
    ]


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
