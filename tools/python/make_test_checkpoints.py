"""Makes the checkpoints of tests/checkpoints/, as the field's own writers make them.

    python tools/python/make_test_checkpoints.py tests/checkpoints

Needs torch, numpy and safetensors; nothing but this script does. The network is the tests' "tiny" one: a.weight
(2 x 3 x 3 x 3) whose element i is i / 4 - 6, and b.weight (5) whose element i is 1 - i / 8: numbers that every
floating-point type here holds exactly, so that a test can demand equality.
"""

import collections
import os
import sys
import zipfile

import safetensors.torch
import torch

A = torch.arange(54, dtype=torch.float32).reshape(2, 3, 3, 3) / 4 - 6
B = 1 - torch.arange(5, dtype=torch.float32) / 8


def state(prefix="", dtype=torch.float32):
    return collections.OrderedDict([(prefix + "a.weight", A.to(dtype)), (prefix + "b.weight", B.to(dtype))])


def training():
    """What a training script keeps beside its model: an optimizer's state, numbers, texts."""
    module = torch.nn.Conv2d(3, 2, 3)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.zeros(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    return {"epoch": 7, "loss": 0.25, "notes": ["früh", None, (True, 2**40)], "optimizer_state_dict": optimizer.state_dict()}


class Hostile:
    """Unpickling this in Python would run a command."""

    def __reduce__(self):
        return os.system, ("touch it-was-run",)


def views():
    """Tensors that share a storage, one of them turned around in it."""
    flat = torch.cat([B, A.permute(3, 2, 1, 0).contiguous().flatten()])
    return {"a.weight": flat[5:].reshape(3, 3, 3, 2).permute(3, 2, 1, 0), "b.weight": flat[:5]}


def compress(source, target):
    """The same archive as a zip program would pack it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))


def main(folder):
    def save(name, what, **how):
        torch.save(what, os.path.join(folder, name), **how)

    save("bare.pth", state())
    save("model-state-dict.pth", {**training(), "model_state_dict": state()})
    save("state-dict.pth", {**training(), "state_dict": state("module.")})
    save("model.pth", {**training(), "model": state("_orig_mod.module.")})
    save("half.pth", state(dtype=torch.float16))
    save("bfloat16.pth", state(dtype=torch.bfloat16))
    save("double.pth", state(dtype=torch.float64))
    save("parameters.pth", {name: torch.nn.Parameter(value) for name, value in state().items()})
    save("views.pth", views())
    save("protocol-4.pth", state(), pickle_protocol=4)
    save("integers.pth", {**state(), "b.weight": torch.arange(5)})
    save("missing.pth", {"a.weight": A})
    save("extra.pth", {**state(), "c.bias": B})
    save("mis-shaped.pth", {**state(), "b.weight": B[:4].clone()})
    save("twice.pth", {**state(), "module.b.weight": B})
    save("no-dictionary.pth", [A, B])
    save("hostile.pth", {**state(), "surprise": Hostile()})
    save("before-1.6.pth", state(), _use_new_zipfile_serialization=False)
    torch.jit.script(torch.nn.Conv2d(1, 1, 1)).save(os.path.join(folder, "program.pt"))
    compress(os.path.join(folder, "bare.pth"), os.path.join(folder, "compressed.pth"))
    for name, dtype in [("float32", torch.float32), ("float16", torch.float16), ("bfloat16", torch.bfloat16), ("float64", torch.float64)]:
        safetensors.torch.save_file(state(dtype=dtype), os.path.join(folder, name + ".safetensors"), {"format": "pt"})
    safetensors.torch.save_file({**state(), "b.weight": torch.arange(5)}, os.path.join(folder, "integers.safetensors"))
    safetensors.torch.save_file({"a.weight": A}, os.path.join(folder, "missing.safetensors"))


if __name__ == "__main__":
    main(sys.argv[1])
