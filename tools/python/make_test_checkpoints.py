"""Makes the checkpoints of tests/checkpoints/, as the field's own writers make them.

    python tools/python/make_test_checkpoints.py tests/checkpoints

Needs torch, numpy and safetensors; nothing but this script does. The network is the tests' "tiny" one: a.weight
(2 x 3 x 3 x 3) whose element i is i / 4 - 6, and b.weight (5) whose element i is 1 - i / 8: numbers that every
floating-point type here holds exactly, so that a test can demand equality. What torch itself reads from the files
that hold it is compared at the end.
"""

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import json
import os
import pathlib
import pickle
import random
import struct
import sys
import tarfile
import uuid
import zipfile

import numpy
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


class Colour(enum.Enum):
    RED = 1


class Flags(enum.Flag):
    ONE = 1
    TWO = 2


@dataclasses.dataclass
class Options:
    depth: int = 5
    names: tuple = ("a", "b")


class AttributeDict(dict):
    """As Lightning keeps hyperparameters."""

    def __getattr__(self, name):
        return self[name] if name in self else super().__getattribute__(name)


class Slotted:
    __slots__ = ("one", "two")

    def __init__(self):
        self.one, self.two = 1, "zwei"


class Keywords:
    """Made by NEWOBJ_EX."""

    def __new__(cls, *, depth):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"depth": 3}


Point = collections.namedtuple("Point", "x y")


def everything(protocol=2):
    """What training scripts keep beside a model, and no network needs."""
    module = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    module(torch.zeros(1, 2)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    shared = {"again": [1, 2]}
    looped = [1]
    looped.append(looped)
    return {
        "numbers": [0, -1, 255, 256, -(2**31), 2**31, 2**63 + 5, -(2**63) - 1, 10**40, 2**2100, 0.25, float("nan"), 1j],
        "texts": ["", "früh", "\u0000\n\\", "x" * 300, b"bytes", b"y" * 300, bytearray(b"array")],
        "sets": [{1, 2}, frozenset({3}), set(), frozenset(), True, False, None, (), (1,), (1, 2, 3, 4)],
        "shared": [shared, shared, looped],
        "args": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("/data/x"), nested=argparse.Namespace(deep=[{}])),
        "numpy": [numpy.float64(0.5), numpy.int64(3), numpy.arange(4.0), numpy.dtype("float32"), numpy.bool_(True), numpy.array(["a"])],
        "dates": [datetime.datetime(2026, 1, 2), datetime.timedelta(3), datetime.date(2026, 1, 2), datetime.timezone.utc],
        "others": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=7), Colour.RED, Flags.ONE | Flags.TWO, Options(),
                   *([Slotted(), Keywords(depth=3)] if protocol > 1 else []), Point(1, 2), range(3), slice(1, 2), complex(1, 2), Ellipsis, NotImplemented, type(None)],
        "containers": [collections.OrderedDict(a=1), collections.defaultdict(list, b=[2]), collections.Counter("aab"),
                       collections.deque([1], 3), collections.ChainMap({"c": 1}), AttributeDict(lr=0.1)],
        "torch": [torch.device("cuda", 0), torch.float32, torch.bfloat16, torch.Size([2, 3]), torch.strided, torch.Generator, *([torch.channels_last] if protocol > 3 else [])],
        "calls": [functools.partial(torch.nn.Identity, 1), torch.nn.ReLU, len, str.upper, datetime.datetime.now],
        "random": random.Random(1).getstate()[1][:9],
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "model": state(),
    }


class Tiny(torch.nn.Module):
    """A module whose state dictionary is the tiny network's."""

    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Conv2d(3, 2, 3, bias=False), torch.nn.LayerNorm(5, bias=False)
        self.register_buffer("scratch", torch.zeros(3), persistent=False)
        self.load_state_dict(state())


class Subclass(torch.Tensor):
    pass


class Average:
    """An average of weights as an object of its own."""

    def __init__(self, shadow):
        self.decay, self.shadow = 0.99, shadow


def with_attributes(parameter):
    parameter.is_expert = True
    return parameter


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


class Legacy:
    """Files of torch.save's older format, as older torches than this one wrote them."""

    MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001

    def __init__(self, little_endian=True, protocol=2):
        self.storages, self.out, self.protocol = {}, io.BytesIO(), protocol
        for what in (self.MAGIC, self.VERSION, {"protocol_version": self.VERSION, "little_endian": little_endian,
                                               "type_sizes": {"short": 2, "int": 4, "long": 8}}):
            pickle.dump(what, self.out, protocol)

    def save(self, what, path):
        """`what` has Tensor objects in the places of tensors."""
        owner = self

        class Pickler(pickle._Pickler):
            def persistent_id(self, thing):
                return owner.identify(thing) if isinstance(thing, Storage) else None

        pickler = Pickler(self.out, self.protocol)
        pickler.dump(what)
        keys = sorted(self.storages)
        pickle.dump(keys, self.out, self.protocol)
        for key in keys:
            numbers = self.storages[key]
            self.out.write(struct.pack("<q", numbers.numel()) + numbers.contiguous().view(torch.uint8).numpy().tobytes())
        with open(path, "wb") as file:
            file.write(self.out.getvalue())

    def identify(self, storage):
        self.storages[storage.key] = storage.numbers
        return ("storage", storage.kind, storage.key, storage.place, storage.numbers.numel(), storage.view)


@dataclasses.dataclass
class Storage:
    key: str
    kind: type
    numbers: torch.Tensor
    place: str = "cpu"
    view: tuple = None


class Rebuilt:
    """Pickled as a call of a function of torch's."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def old_tensor(storage, offset, shape, strides, *rest):
    return Rebuilt(torch._utils._rebuild_tensor, storage, offset, shape, strides, *rest)


def storage_views(path):
    """Before 0.4 storages themselves had views: (key, first element, elements)."""
    flat = torch.cat([torch.zeros(7), A.flatten(), B])
    root = functools.partial(Storage, "10", torch.FloatStorage, flat)
    Legacy().save(
        {"a.weight": old_tensor(root(view=("11", 7, 54)), 0, (2, 3, 3, 3), (27, 9, 3, 1)),
         "b.weight": old_tensor(root(view=("12", 60, 6)), 1, (5,), (1,))}, path)


def of_cuda(path, little_endian=True):
    """Names of classes that torch has no more, as in torch.cuda.FloatStorage."""
    class FloatStorage:
        pass

    class DoubleStorage:
        pass

    FloatStorage.__module__, FloatStorage.__qualname__ = "torch.cuda", "FloatStorage"
    DoubleStorage.__module__, DoubleStorage.__qualname__ = "torch.cuda", "DoubleStorage"
    torch.cuda.FloatStorage, torch.cuda.DoubleStorage = FloatStorage, DoubleStorage
    Legacy(little_endian).save(
        {"state_dict": {"module.a.weight": old_tensor(Storage("1", FloatStorage, A, "cuda:3"), 0, (2, 3, 3, 3), (27, 9, 3, 1)),
                        "module.b.weight": old_tensor(Storage("2", DoubleStorage, B.double(), "cuda:3"), 0, (5,), (1,))}}, path)


def of_python_2(path):
    """Texts as bytes, and an OrderedDict as a call with a list of pairs."""
    text = lambda value: b"U" + bytes([len(value)]) + value.encode()
    number = lambda value: b"K" + bytes([value])
    def tensor(key, count, shape, strides):
        return (b"ctorch._utils\n_rebuild_tensor\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
                + number(count) + b"NtQK\x00(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, strides)) + b"ttR")
    pairs = [("a.weight", tensor("1", 54, (2, 3, 3, 3), (27, 9, 3, 1))), ("b.weight", tensor("2", 5, (5,), (1,)))]
    items = b"".join(b"](" + text(name) + value + b"e" for name, value in pairs)
    saved = b"\x80\x02ccollections\nOrderedDict\n](" + items + b"e\x85R."
    legacy = Legacy()
    legacy.out.write(saved + b"\x80\x02](" + text("1") + text("2") + b"e.")
    for numbers in A, B:
        legacy.out.write(struct.pack("<q", numbers.numel()) + numbers.numpy().tobytes())
    with open(path, "wb") as file:
        file.write(legacy.out.getvalue())


def of_a_tar(path):
    """The layout of torch.save before 0.1.10."""
    with tarfile.open(path, "w") as tar:
        for name in "storages", "tensors", "pickle":
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())


def wrapped(names):
    """The tiny network's names with parts of wrappers put in."""
    return dict(zip(names, state().values()))


def elsewhere(factor=2):
    """Other numbers under the same names."""
    return {name: value * factor for name, value in state().items()}


def save_places(save):
    """The state dictionary where the field puts it."""
    save("net.pth", {"net": state()})
    save("params-and-ema.pth", {"params": elsewhere(), "params_ema": state()})
    save("state-and-ema.pth", {"epoch": 3, "ema": {"module": elsewhere()}, "state_dict": state("module.")})
    save("dotted-key.pth", {"model.state_dict": state(), "epoch": 3})
    save("deep.pth", {"runs": [{"best": {"generator": {"weights": state("module.")}}}], "loss": [0.5]})
    save("shared.pth", (lambda one: {"last": one, "best": one})(state()))
    save("average.pth", {"average": Average(state()), "steps": 7})
    save("parts.pth", {"a": {"weight": A}, "b": {"weight": B}, "optimizer": {"weight": B}})
    save("module.pth", torch.nn.DataParallel(Tiny()))
    save("module-within.pth", {"epoch": 3, "model": Tiny(), "ema": None})
    averaged = torch.optim.swa_utils.AveragedModel(Tiny())
    save("averaged.pth", averaged.state_dict())
    save("compiled-part.pth", wrapped(["a._orig_mod.weight", "b._orig_mod.weight"]))
    save("sharded-wrappers.pth", {"state_dict": wrapped(
        ["_forward_module._fsdp_wrapped_module.a._fsdp_wrapped_module._checkpoint_wrapped_module.weight",
         "_forward_module._fsdp_wrapped_module.b._checkpoint_wrapped_module.weight"])})
    save("lightning.pth", {"pytorch-lightning_version": "2.4.0", "hyper_parameters": AttributeDict(lr=0.1), "state_dict":
         {**state("net."), "net.a.num_batches_tracked": torch.tensor(7), "loss.weight": torch.ones(2), "metric.sum": torch.tensor(0.5)}})
    save("flat-average.pth", {**state("model."), **{"ema." + name: value for name, value in elsewhere().items()}})
    save("profiled.pth", {**state(), "total_ops": torch.zeros(1, dtype=torch.float64), "a.total_params": torch.zeros(1, dtype=torch.float64),
                          "n_averaged": torch.tensor(3), "b.num_batches_tracked": torch.tensor(3), "dummy": torch.empty(0)})
    save("optimizer-first.pth", {"optimizer": {"momentum": elsewhere(), "model": elsewhere(3)}, "net": state()})
    for name in ("exp_avg", "grads", "initial_state", "optimState", "accumulated_gradients", "init_weights", "velocity", "wgrad"):
        save(f"{name}-first.pth", {name: elsewhere(), "best": state()})
    save("moments-within.pth", {"state_dict": {"exp_avg": elsewhere(), "optimal": state()}})
    save("teacher-and-student.pth", {"state_dict": {**{"teacher." + name: value for name, value in elsewhere().items()}, **state("student.")}})
    save("unreadable-first.pth", {"half": {name: value.to(torch.float8_e4m3fn) for name, value in state().items()}, "full": state()})
    save("numpy.pth", {"epoch": 3, "params": {name: value.numpy() for name, value in state().items()}})
    save("numpy-5.pth", {name: value.numpy() for name, value in state().items()}, pickle_protocol=5)
    save("no-tensors.pth", {"epoch": 3, "foo": {"x": 1, "y": 2}, "text": "x"})
    save("numpy-beside.pth", {"epoch": 3, "foo": {"x": numpy.arange(3.0)}, "arr": numpy.arange(3.0)})
    save("other-network.pth", {"net": {"encoder.weight": A, "encoder.bias": B, "head.weight": B}, "epoch": 3, "note": "x"})


def save_types(save):
    """Tensors that are not what their bytes say, and types that cannot be read."""
    save("negated.pth", {"a.weight": torch._neg_view(-A), "b.weight": torch._neg_view(-B.double())})
    save("imaginary.pth", {"a.weight": A, "b.weight": torch.complex(torch.zeros(5), -B).conj().imag})
    save("expanded.pth", {"e": torch.tensor([0.5]).expand(3, 5), "o": torch.arange(5.0).as_strided((3, 3), (1, 1)),
                          "s": torch.arange(12.0).reshape(3, 4)[1:, ::2], "t": torch.arange(6.0).reshape(2, 3).t()})
    save("with-attributes.pth", {name: with_attributes(torch.nn.Parameter(value)) for name, value in state().items()})
    save("subclass.pth", {name: value.as_subclass(Subclass) for name, value in state().items()})
    save("buffers.pth", {name: torch.nn.Buffer(value) for name, value in state().items()})
    save("moved.pth", {name: Rebuilt(torch._utils._rebuild_device_tensor_from_cpu_tensor, value, torch.float32, "xla:0", False)
                       for name, value in state().items()})
    odd = {"complex": B.to(torch.complex64).conj(), "float8": B.to(torch.float8_e4m3fn), "uint16": torch.zeros(2, dtype=torch.uint16),
           "sparse": B.to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "quantised": torch.quantize_per_tensor(B, 0.125, 3, torch.qint8),
           "channels": torch.quantize_per_channel(torch.zeros(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8),
           "meta": B.to("meta"), "nested": torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])}
    save("odd-unused.pth", {"model": state(), "others": odd})
    save("odd-beside.pth", {**state(), **odd, "mask": torch.ones(3, dtype=torch.bool), "index": torch.arange(4), "array": numpy.arange(3.0)})
    for name in "float8", "complex", "sparse", "quantised", "meta", "nested":
        save("needs-" + name + ".pth", {"a.weight": A, "b.weight": odd[name]})
    save("protocol-0.pth", state(), pickle_protocol=0)
    save("needs-float8-e5m2.pth", {"a.weight": A, "b.weight": B.to(torch.float8_e5m2)})


def save_legacy(save, folder):
    old = functools.partial(save, _use_new_zipfile_serialization=False)
    old("before-1.6.pth", state())
    old("legacy-half.pth", {"state_dict": state("module.", torch.float16)})
    old("legacy-bfloat16.pth", {"net": state(dtype=torch.bfloat16), "step": torch.tensor(3)})
    old("legacy-views.pth", views())
    old("legacy-negated.pth", {"a.weight": torch._neg_view(-A), "b.weight": torch.nn.Parameter(B)})
    old("legacy-module.pth", Tiny())
    for protocol in 1, 3, 4, 5:
        old(f"legacy-protocol-{protocol}.pth", state(), pickle_protocol=protocol)
    old("legacy-everything.pth", everything())
    storage_views(os.path.join(folder, "legacy-storage-views.pth"))
    of_cuda(os.path.join(folder, "legacy-cuda.pth"))
    of_cuda(os.path.join(folder, "legacy-big-endian.pth"), little_endian=False)
    of_python_2(os.path.join(folder, "legacy-python-2.pth"))
    of_a_tar(os.path.join(folder, "tar.pth"))


def save_shards(folder):
    """As Hugging Face's libraries write a checkpoint in several files."""
    os.makedirs(folder, exist_ok=True)
    def index(name, map, size=236):
        with open(os.path.join(folder, name), "w") as file:
            json.dump({"metadata": {"total_size": size}, "weight_map": map}, file, indent=2)
    safetensors.torch.save_file({"model.a.weight": A}, os.path.join(folder, "model-00001-of-00002.safetensors"))
    safetensors.torch.save_file({"model.b.weight": B.half()}, os.path.join(folder, "model-00002-of-00002.safetensors"))
    torch.save({"a.weight": A}, os.path.join(folder, "pytorch_model-00001-of-00002.bin"))
    torch.save({"b.weight": B}, os.path.join(folder, "pytorch_model-00002-of-00002.bin"), _use_new_zipfile_serialization=False)
    one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    index("model.safetensors.index.json", {"model.a.weight": one, "model.b.weight": two})
    index("large.index.json", {"model.a.weight": one, "model.b.weight": two}, 2**70)
    index("pytorch_model.bin.index.json", {"a.weight": "pytorch_model-00001-of-00002.bin", "b.weight": "pytorch_model-00002-of-00002.bin"})
    for place, numbers in ("model", state()), ("other", elsewhere()):
        safetensors.torch.save_file({place + "." + name: value for name, value in numbers.items()}, os.path.join(folder, place + ".safetensors"))
    index("twice.index.json", {place + "." + name: place + ".safetensors" for place in ("model", "other") for name in state()})
    index("absent.index.json", {"model.a.weight": one, "model.b.weight": "model-00003-of-00003.safetensors"})
    index("outside.index.json", {"model.a.weight": one, "model.b.weight": "../float32.safetensors"})
    index("within.index.json", {"model.a.weight": "within.index.json", "model.b.weight": two})
    index("wrong.index.json", {"model.a.weight": one, "model.c.weight": two})


def save_odd_safetensors(folder):
    """Types of the format that torch has no name for, or that no network here can use."""
    def write(name, entries, numbers):
        header = json.dumps(entries).encode()
        with open(os.path.join(folder, name), "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header + numbers)
    def tensor(dtype, shape, at, size):
        return {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
    numbers = A.numpy().tobytes() + B.numpy().tobytes()
    model = {"model.a.weight": tensor("F32", [2, 3, 3, 3], 0, 216), "model.b.weight": tensor("F32", [5], 216, 20)}
    odd = {"other.f4": tensor("F4", [4], 236, 2), "other.f6": tensor("F6_E2M3", [4], 238, 3), "other.f8": tensor("F8_E8M0", [2], 241, 2),
           "other.c64": tensor("C64", [1], 243, 8), "other.future": tensor("F12_X", [1], 251, 2), "other.deep": tensor("F32", [1] * 9, 253, 4)}
    write("odd-unused.safetensors", {**model, **odd}, numbers + bytes(21))
    write("odd-beside.safetensors", {name.replace("model.", "").replace("other.", ""): entry for name, entry in {**model, **odd}.items() if name != "other.deep"}
          | {"mask": tensor("BOOL", [4], 253, 4)}, numbers + bytes(21))
    write("needs-float8.safetensors", {"a.weight": tensor("F32", [2, 3, 3, 3], 0, 216), "b.weight": tensor("F8_E5M2", [5], 216, 5)}, numbers[:221])


def check(folder, names):
    """What torch reads from a file is what the tests demand."""
    for name in names:
        loaded = torch.load(os.path.join(folder, name), weights_only=False, map_location="cpu")
        found = {}
        def gather(what, path):
            if isinstance(what, torch.nn.Module):
                what = what.state_dict()
            if isinstance(what, Average):
                what = what.shadow
            if isinstance(what, dict) or isinstance(what, list):
                for key, value in what.items() if isinstance(what, dict) else enumerate(what):
                    gather(value, path + [str(key)]) if value is not what else None
            elif isinstance(what, torch.Tensor) and what.dtype.is_floating_point and not what.is_quantized:
                found.setdefault(path[-1] if len(path[-1].split(".")) > 1 else ".".join(path[-2:]), []).append(what)
        gather(loaded, [])
        for number, wanted in (("a", A), ("b", B)):
            candidates = [t for k, ts in found.items() for t in ts if number in k.split(".") and k.endswith("weight")]
            assert any(t.shape == wanted.shape and torch.equal(t.float(), wanted) for t in candidates), (name, number, found.keys())


def main(folder):
    def save(name, what, **how):
        torch.save(what, os.path.join(folder, name), **how)
        if name not in ("no-dictionary.pth",):
            saved.append(name)

    saved = []

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
    for protocol in 1, 2, 3, 4, 5:
        save(f"everything-{protocol}.pth", everything(protocol), pickle_protocol=protocol)
    save_places(save)
    save_types(save)
    save_legacy(save, folder)
    save_shards(os.path.join(folder, "shards"))
    save_odd_safetensors(folder)
    torch.jit.script(torch.nn.Conv2d(1, 1, 1)).save(os.path.join(folder, "program.pt"))
    compress(os.path.join(folder, "bare.pth"), os.path.join(folder, "compressed.pth"))
    for name, dtype in [("float32", torch.float32), ("float16", torch.float16), ("bfloat16", torch.bfloat16), ("float64", torch.float64)]:
        safetensors.torch.save_file(state(dtype=dtype), os.path.join(folder, name + ".safetensors"), {"format": "pt"})
    safetensors.torch.save_file({**state(), "b.weight": torch.arange(5)}, os.path.join(folder, "integers.safetensors"))
    safetensors.torch.save_file({"a.weight": A}, os.path.join(folder, "missing.safetensors"))
    unlike = ("integers", "missing", "extra", "mis-shaped", "hostile", "needs-", "expanded", "other-network", "twice", "parts", "moved", "odd-", "numpy", "no-tensors",
              "protocol-0")
    check(folder, [name for name in saved if not name.startswith(unlike)])


if __name__ == "__main__":
    main(sys.argv[1])
