"""batchtune's service in Python: segmentation networks behind a queue that groups requests into batches.

In a script, or in any thread without an event loop:

    import batchtune

    with batchtune.Service() as service:                  # loads and warms up: seconds to minutes
        result = service.infer_sync(image=array, model_name="hrnet", threshold=0.5, timeout=1.0)
        result.mask                                       # height x width, uint8: 1 inside, 0 outside
        results = service.infer_sync(image=[a, b, c], model_name="hrnet")       # all under way at once
        batchtune.find_polygons(result.probabilities)[0]["points"]              # [[x, y], ...]

Of a model that tells several classes apart result.labels has the class of each pixel, too, and service.classes("mine")
says what they are called. Its mask is where any class but the first is, unless the model's JSON file says otherwise.

With asyncio, and in a notebook, which runs a loop:

    service = batchtune.get_production_service()          # one for the whole process
    await service.start()
    result = await service.infer(image=array, model_name="hrnet", threshold=0.5, timeout=1.0)
    service.get_metrics()["hrnet"]["p95_latency_ms"]
    await service.stop()

and where regions are wanted as polygons (it starts the service where nobody has):

    service = batchtune.get_optimized_service()           # the same service
    polygons, metadata = await service.segment_image_optimized(
        image_array=array, model_name="cbam_resunet", threshold=0.5)
    polygons[0]["points"], metadata["inference_mode"]     # [[x, y], ...], "production_optimized"

This file is all there is to install besides libbatchtune.so, and needs numpy. It speaks to the C library
(batchtune.h) through ctypes.

Images are numpy arrays, height x width x 3, uint8, RGB (OpenCV's are BGR: give array[:, :, ::-1]). Such an
array, when its rows lie in memory without gaps, is handed to the library as it is: it is read where it lies, so
do not change it before the answer. Other arrays are copied first: gray (height x width), an alpha channel (laid
over white), floats from 0 to 1 (times 255, rounded), uint16 from 0 to 65535, slices and transposed views, in any
byte order. Where another value is white, `white=4095` says so; of wider integers (int32, say) it must be said. An
image of uint16 that uses less than a sixteenth of its range gets a RangeWarning.

Pillow's images are taken as well, PIL.Image.open(name) as it is: palettes, transparency, 16 bits and YCbCr are what
they mean, where numpy.asarray would give numbers that mean something else. CMYK and Lab are refused, since they
need a profile, and so is one that its EXIF orientation says to turn: PIL.ImageOps.exif_transpose(image) does. Of
several pages or frames the one that image.seek(n) chose is taken, else the first, with a PageWarning.

Every image is resized to the network's input, and its mask back. The input is what `image_size` asks for; else
what the config's entry was tuned at; else what a model file's NAME.json says; else 1024. `service.models` tells
it, and result.input_size. Two things to know: a config that was tuned on a CPU without a word is a demonstration,
at 128 pixels, and masks are as coarse as that (a DemonstrationWarning says so; image_size=128 says that it is
meant). And where `image_size` is not what the config was tuned at, the times in it say nothing, so that the
service times its batches anew when it starts: tune with `optimize-batch --image-size 1024`.

Where a checkpoint holds a network several times (its weights and their average, say) and nobody chose, start() gives a
WeightsWarning that says which was taken; it is in `service.models["hrnet"].weights_note`, too. weights="best.pth:ema"
chooses.

Waiting costs no thread and does not hold the GIL. The library's threads never run Python: they put answers into
an inbox, whose descriptor wakes the event loop. Any number of loops, each in its thread, may share a service.
Methods called ..._sync run on one loop in a thread of the module's own, wait for it, and may be interrupted by
Ctrl-C; any number of threads may be in them. In a thread whose loop runs they raise LoopRunning, since they
would stop that loop.

A model's queue is bounded (max_queue_size). Where more coroutines ask than it has room for, they are held back
here, in their order, and not refused: only as many requests as may wait are under way at a time, so that
max_queue_size should be at least twice the batch size for each instance. The time held back counts towards
`timeout`, and `result.held_ms` tells it.

A cancelled coroutine takes its request back and ends when its image is no longer being read. Errors are
BatchtuneError and what derives from it; each message is one line that says what would be right.

Do not fork a process that has started the service: threads do not survive it. Start it in the children, or use
multiprocessing's "spawn". Each process that starts it loads its own copy of every model.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import ctypes
import functools
import itertools
import json
import math
import os
import pathlib
import re
import reprlib
import sys
import threading
import time
import warnings
import weakref
from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import (Any, Callable, Coroutine, Dict, Iterator, List, Mapping, NamedTuple, NoReturn, Optional, Sequence, Set,
                    Tuple, Type, TypeVar, Union, overload)

import numpy as np

__version__ = "0.1.0"

# ---- what can go wrong ----

# Before Python 3.11 asyncio has a timeout of its own; whoever catches either is to catch ours.
_TIMEOUTS = (TimeoutError,) if asyncio.TimeoutError is TimeoutError else (asyncio.TimeoutError, TimeoutError)


class BatchtuneError(Exception):
    """Whatever the library says; `status` is its word for it."""

    status = "error"


class InvalidRequest(BatchtuneError, ValueError):
    """An argument, a setting or an image is wrong."""

    status = "invalid"


class ConfigError(BatchtuneError):
    """The config file is not there, or is broken."""

    status = "config"


class QueueFull(BatchtuneError):
    """The queue was full, where others than this module use the same service."""

    status = "queue full"


class Timeout(BatchtuneError, *_TIMEOUTS):
    """The deadline passed, or could not have been kept."""

    status = "timeout"


class Closed(BatchtuneError):
    """The service does not run: not started, stopped, or of another process."""

    status = "closed"


class BackendFailed(BatchtuneError):
    """Inference failed on every path."""

    status = "backend failed"


class OutOfDeviceMemory(BackendFailed):
    """The device's memory ran out."""

    status = "out of device memory"


class OutOfMemory(BatchtuneError, MemoryError):
    """Host memory ran out."""

    status = "out of memory"


class Unsupported(BatchtuneError):
    """This machine or build cannot do it."""

    status = "unsupported"


class LibraryError(BatchtuneError, ImportError):
    """libbatchtune.so is not there, or is of another version."""

    status = "no library"


class LoopRunning(BatchtuneError, RuntimeError):
    """A method that waits was called where an event loop runs: await the coroutine of that name."""

    status = "event loop"


class DemonstrationWarning(UserWarning):
    """Networks run at the size of a CPU's demonstration, for which nobody has asked."""


class WeightsWarning(UserWarning):
    """A checkpoint holds a network several times, and nobody has said which one is meant."""


class ChangedWeightsWarning(UserWarning):
    """A config's checkpoint, or model file, has other numbers than when it was measured."""


# By bt_status; what is missing (BT_CANCELLED) nobody waits for.
_ERRORS = {
    1: InvalidRequest,
    2: OutOfMemory,
    3: ConfigError,
    4: ConfigError,
    5: Timeout,
    6: QueueFull,
    7: Closed,
    8: BackendFailed,
    9: OutOfDeviceMemory,
    10: Unsupported,
}


# ---- whom a warning is for ----

_Place = Tuple[str, int, str]  # a file, a line, a module's name
_place: "contextvars.ContextVar[_Place]" = contextvars.ContextVar("batchtune_place")
_warned: Dict[str, Dict[Any, Any]] = {}  # by files: what warnings remembers of its lines
_IN_BETWEEN = tuple(f"{name}." for name in (__name__, "asyncio", "concurrent", "contextlib", "threading"))


def _caller() -> _Place:
    """The nearest line that is neither of this module nor of what runs it. Where a task was made of a coroutine of
    this module, nobody's line waits for it: then it is the line that runs the loop."""
    place = _place.get(None)
    if place:
        return place
    frame = sys._getframe(1)
    while frame.f_back and f"{frame.f_globals.get('__name__')}.".startswith(_IN_BETWEEN):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, str(frame.f_globals.get("__name__"))


def _context() -> contextvars.Context:
    """For work in another thread or task: the caller is there whoever it is here."""
    context = contextvars.copy_context()
    context.run(_place.set, _caller())
    return context


def _warn(text: str, category: Type[Warning]) -> None:
    file, line, module = _caller()
    warnings.warn_explicit(text, category, file, line, module, _warned.setdefault(file, {}))


# ---- the library ----

class _Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 256)]

    def exception(self) -> BatchtuneError:
        return _ERRORS.get(self.status, BatchtuneError)(self.message.decode("utf-8", "replace"))


class _Options(ctypes.Structure):
    _fields_ = [("config", ctypes.c_char_p), ("models", ctypes.c_char_p), ("settings", ctypes.c_char_p)]


class _ModelFacts(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 64),
        ("input_height", ctypes.c_int),
        ("input_width", ctypes.c_int),
        ("tuned_size", ctypes.c_int),
        ("demonstration", ctypes.c_bool),
        ("batch_size", ctypes.c_int),
        ("max_queue_size", ctypes.c_int),
        ("instance_count", ctypes.c_int),
        ("max_queue_delay_ms", ctypes.c_double),
        ("p95_sla_ms", ctypes.c_double),
        ("timeout_ms", ctypes.c_double),
        ("policy", ctypes.c_char * 16),
        ("precision", ctypes.c_char * 8),
        ("weights_note", ctypes.c_char * 256),
        ("changed_weights", ctypes.c_bool),
        ("class_count", ctypes.c_int),
    ]


class _Request(ctypes.Structure):
    _fields_ = [
        ("image", ctypes.c_void_p),
        ("height", ctypes.c_int),
        ("width", ctypes.c_int),
        ("model", ctypes.c_char_p),
        ("threshold", ctypes.c_float),
        ("timeout_ms", ctypes.c_double),
        ("mask", ctypes.c_void_p),
        ("probabilities", ctypes.c_void_p),
        ("standard_path", ctypes.c_bool),
        ("tensor", ctypes.c_void_p),
        ("tensor_type", ctypes.c_int),
        ("logits", ctypes.c_void_p),
        ("priority", ctypes.c_int),
        ("labels", ctypes.c_void_p),
        ("class_probabilities", ctypes.c_void_p),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        ("inference_mode", ctypes.c_char_p),
        ("batch_size", ctypes.c_int),
        ("run_size", ctypes.c_int),
        ("instance", ctypes.c_int),
        ("input_height", ctypes.c_int),
        ("input_width", ctypes.c_int),
        ("queue_ms", ctypes.c_double),
        ("preprocess_ms", ctypes.c_double),
        ("deliver_ms", ctypes.c_double),
        ("service_ms", ctypes.c_double),
        ("latency_ms", ctypes.c_double),
        ("p95_latency_ms", ctypes.c_double),
        ("ticket", ctypes.c_uint64),
    ]


class _Answer(ctypes.Structure):
    _fields_ = [("tag", ctypes.c_uint64), ("result", _Result), ("error", _Error)]


class _CocoPicture(ctypes.Structure):
    _fields_ = [("file_name", ctypes.c_char_p), ("polygons", ctypes.c_void_p)]


_STRUCTS = {
    "bt_error": _Error,
    "bt_service_options": _Options,
    "bt_model_facts": _ModelFacts,
    "bt_request": _Request,
    "bt_result": _Result,
    "bt_inbox_answer": _Answer,
    "bt_coco_picture": _CocoPicture,
}

_P = ctypes.POINTER
_OUT_TEXT = _P(ctypes.c_char_p)
_HANDLE = ctypes.c_void_p

# Name, what it returns, what it takes.
_FUNCTIONS = [
    ("bt_service_open", ctypes.c_int, [_P(_HANDLE), _P(_Options), _P(_Error)]),
    ("bt_service_start", ctypes.c_int, [_HANDLE, _P(_Error)]),
    ("bt_service_stop", ctypes.c_int, [_HANDLE, ctypes.c_double, _P(_Error)]),
    ("bt_service_close", None, [_P(_HANDLE)]),
    ("bt_service_models", ctypes.c_int, [_HANDLE, _P(_ModelFacts), ctypes.c_int]),
    ("bt_service_class", ctypes.c_int,
     [_HANDLE, ctypes.c_char_p, ctypes.c_int, _P(ctypes.c_char), _P(ctypes.c_uint8), _P(_Error)]),
    ("bt_service_cancel", ctypes.c_int, [_HANDLE, ctypes.c_uint64, _P(_Error)]),
    ("bt_service_set", ctypes.c_int, [_HANDLE, ctypes.c_char_p, ctypes.c_char_p, _P(_Error)]),
    ("bt_service_metrics_json", ctypes.c_int, [_HANDLE, _OUT_TEXT, _P(_Error)]),
    ("bt_service_metrics_prometheus", ctypes.c_int, [_HANDLE, _OUT_TEXT, _P(_Error)]),
    ("bt_inbox_open", ctypes.c_int, [_P(_HANDLE), ctypes.c_int, _P(_Error)]),
    ("bt_inbox_close", None, [_P(_HANDLE)]),
    ("bt_inbox_fd", ctypes.c_int, [_HANDLE]),
    ("bt_inbox_submit", ctypes.c_int,
     [_HANDLE, _HANDLE, _P(_Request), ctypes.c_uint64, _P(ctypes.c_uint64), _P(_Error)]),
    ("bt_inbox_take", ctypes.c_int, [_HANDLE, _P(_Answer), ctypes.c_int]),
    ("bt_polygons_find", ctypes.c_int,
     [_P(_HANDLE), _HANDLE, ctypes.c_int, ctypes.c_int, ctypes.c_float, ctypes.c_double, _P(_Error)]),
    ("bt_polygons_json", ctypes.c_int, [_HANDLE, _OUT_TEXT, _P(_Error)]),
    ("bt_polygons_coco", ctypes.c_int, [_P(_CocoPicture), ctypes.c_int, ctypes.c_char_p, _OUT_TEXT, _P(_Error)]),
    ("bt_polygons_coco_rle", ctypes.c_int,
     [_P(_CocoPicture), ctypes.c_int, ctypes.c_char_p, _OUT_TEXT, _P(_Error)]),
    ("bt_polygons_close", None, [_P(_HANDLE)]),
    ("bt_service_help", ctypes.c_void_p, []),
    ("bt_free", None, [ctypes.c_void_p]),
]

_NAME = "libbatchtune.so.0"
_libraries: Dict[Optional[str], ctypes.CDLL] = {}


def _load(path: Optional[str] = None) -> ctypes.CDLL:
    """The library at `path`; else at $BATCHTUNE_LIBRARY; else beside this file, as in a wheel; else in the build tree
    that this file lies in; else where `make install` puts it, seen from this file; else where the system finds it.
    ctypes lets go of the GIL during every call."""
    if path is not None:
        path = _path_of(path, "library")
    if path not in _libraries:
        _libraries[path] = _declare(_open(path))
    return _libraries[path]


def _open(path: Optional[str]) -> ctypes.CDLL:
    given = path or os.environ.get("BATCHTUNE_LIBRARY")
    above = list(pathlib.Path(__file__).resolve().parents)  # of shim/python/, or of PREFIX/share/batchtune/python/
    places = [root / folder / _NAME for root, folder in zip(above[:1] + above[2:4], ("", "build/lib", "lib"))]
    chosen = given or next((str(place) for place in places if place.exists()), _NAME)
    try:
        return ctypes.CDLL(chosen)
    except OSError as error:
        sought = "" if given else f"; sought at {', '.join(map(str, places))} and where the system looks"
        raise LibraryError(f"{chosen} does not load ({error}){sought}: run `make core` or `make install`, or let "
                           f"BATCHTUNE_LIBRARY name it") from None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Refuses another version, or one whose structs are laid out otherwise: both would be misread."""
    try:
        library.bt_version.restype = ctypes.c_char_p
        library.bt_size_of.restype = ctypes.c_size_t
        library.bt_size_of.argtypes = [ctypes.c_char_p]
        for name, returns, takes in _FUNCTIONS:
            function = getattr(library, name)
            function.restype, function.argtypes = returns, takes
    except AttributeError as error:
        raise LibraryError(f"{library._name} is no batchtune of this module's version, {__version__}: "
                           f"{error}") from None
    version = library.bt_version().decode()
    if version != __version__:
        raise LibraryError(f"{library._name} is version {version}, this module {__version__}: install both anew")
    for name, struct in _STRUCTS.items():
        if library.bt_size_of(name.encode()) != ctypes.sizeof(struct):
            raise LibraryError(f"{library._name} has another {name} than this module: install both anew")
    return library


def _text(library: ctypes.CDLL, function: Callable[..., int], *arguments: Any) -> str:
    """The string that a function makes."""
    text, error = ctypes.c_char_p(), _Error()
    if function(*arguments, ctypes.byref(text), ctypes.byref(error)):
        raise error.exception()
    try:
        return (text.value or b"").decode()
    finally:
        library.bt_free(text)


def settings_help(library: Optional[str] = None) -> str:
    """The keys that `settings` may have, as text for people."""
    lib = _load(library)
    text = lib.bt_service_help()
    try:
        return ctypes.string_at(text).decode()
    finally:
        lib.bt_free(text)


# ---- what callers give ----

def _shown(value: Any) -> str:
    """A value for a message: what it is, briefly."""
    text = reprlib.repr(value).replace("\n", " ")
    return text if value is None else f"{text} (a {_called(type(value))})"


def _called(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _number(value: Any, name: str, right: str) -> float:
    """A number of Python's, numpy's, or whatever else says that it is one; text and truth values are none."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if (isinstance(value, (bool, str, bytes)) or not hasattr(type(value), "__float__") or kind not in "iuf" or
            getattr(value, "ndim", 0) != 0):
        raise InvalidRequest(f"{name} is {_shown(value)}: give {right}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{name} is {_shown(value)}: give {right}") from None


def _probability(threshold: Any) -> float:
    number = _number(threshold, "threshold", "a number between 0 and 1, such as 0.5")
    if not 0 < ctypes.c_float(number).value < 1:  # as the library has it, which takes 0 for "none given"
        raise InvalidRequest(f"a threshold of {number:g} is no probability between 0 and 1")
    return number


def _seconds(timeout: Any) -> Optional[float]:
    if timeout is None:
        return None
    number = _number(timeout, "timeout", "seconds, such as 10.0, or None")
    if math.isnan(number):
        raise InvalidRequest("the timeout is not a number: give seconds, such as 10.0, or None")
    return number


def _at_least_0(value: Any, name: str, right: str) -> float:
    number = _number(value, name, right)
    if not number >= 0:
        raise InvalidRequest(f"{name} is {number:g}: give {right}")
    return number


def _switch(value: Any, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidRequest(f"{name} is {_shown(value)}: give True or False")
    return bool(value)


def _priority(value: Any) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or not 1 <= value <= 3:
        raise InvalidRequest(f"priority is {_shown(value)}: give 1 (first), 2 or 3 (last)")
    return int(value)


def _text_of(value: Any, name: str, right: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InvalidRequest(f"{name} is {_shown(value)}: give {right}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} is {_shown(value)}, which is no Unicode text") from None
    return value


def _path_of(value: Any, name: str) -> str:
    try:
        path = os.fsencode(value)
    except (TypeError, ValueError):
        path = b""
    if not path or b"\0" in path:
        raise InvalidRequest(f"{name} is {_shown(value)}: give a file's path, as text or pathlib.Path, or None")
    return os.fsdecode(path)


# ---- images in, results out ----

class RangeWarning(UserWarning):
    """An image uses little of the range that its type has, and nobody has said what is white."""


class PageWarning(UserWarning):
    """A Pillow image has several pages or frames, and nobody has sought one: the first is taken."""


def _is_plain(image: Any) -> bool:
    """Read where it lies. Other subclasses of ndarray may mean something else by their numbers."""
    return (type(image) in (np.ndarray, np.memmap) and image.dtype == np.uint8 and image.ndim == 3 and
            image.shape[2] == 3 and image.flags.c_contiguous)


def _check_tensor(image: Any, name: str, white: Optional[float]) -> bool:
    """Whether a ready one can be read where it lies; else its values are to be put in a row."""
    if white is not None:
        raise InvalidRequest("white is for pictures: a ready tensor is normalised already")
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[0] != 3:
        raise InvalidRequest(f"{name}: a ready tensor is an array of 3 x height x width, not {_shown_shape(image)}")
    native = image.dtype.newbyteorder("=")
    if native not in (np.float32, np.float16):
        raise InvalidRequest(f"{name}: a ready tensor is of float32 or float16, not {image.dtype}: "
                             f"{name}.astype(numpy.float32)")
    return bool(image.flags.c_contiguous and image.dtype.isnative)


def _in_a_row(tensor: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("="))


def _shown_shape(image: Any) -> str:
    return " x ".join(map(str, image.shape)) if isinstance(image, np.ndarray) else type(image).__name__


def _address(array: Optional[np.ndarray]) -> Optional[int]:
    return None if array is None else array.ctypes.data


def _refuse_type(image: Any, name: str) -> NoReturn:
    called = _called(type(image))
    array, pillow = "give a numpy array, height x width x 3", "or a Pillow image"
    if image is None:
        raise InvalidRequest(f"{name} is None, as OpenCV gives for a file that it cannot read: {array}, {pillow}")
    if isinstance(image, (str, os.PathLike)):
        pillow += f", such as PIL.Image.open({name})"
    elif isinstance(image, (bytes, bytearray, memoryview)):
        pillow += f", such as PIL.Image.open(io.BytesIO({name})) of a file's bytes"
    elif called.startswith("torch."):
        array += f", such as {name}.detach().cpu().numpy()"
    elif called.startswith("cupy."):
        array += f", such as {name}.get()"
    elif hasattr(image, "__array__") or hasattr(image, "__array_interface__"):
        array += f", such as numpy.asarray({name})"
    elif hasattr(image, "__next__"):
        raise InvalidRequest(f"{name} is a {called}: several images are a list: give list({name})")
    raise InvalidRequest(f"{name} is a {called}: {array}, {pillow}; or a list of images")


def _refuse_shape(array: np.ndarray, name: str) -> NoReturn:
    shape = array.shape
    said = " x ".join(map(str, shape)) or "one number"
    one = {3: name, 4: f"{name}[0]"}.get(len(shape))
    if 0 in shape:
        said += ": it is empty"
    elif array.dtype == object:
        said += f" of Python's objects: several images are a list: give list({name})"
    elif not one:
        said += ": it has height x width pixels of 1, 3 or 4 channels"
    elif len(shape) == 4 and shape[0] > 1:
        channels_first = shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)
        said += f": several images are a list: give list({name}{'.transpose(0, 2, 3, 1)' if channels_first else ''})"
    elif shape[-3] in (1, 3, 4) and shape[-1] not in (1, 3, 4):
        said += f", channels first: give {one}.transpose(1, 2, 0), which is height x width x {shape[-3]}"
    elif len(shape) == 4 and shape[-1] in (1, 3, 4):
        said += f": give {one}, which is height x width x {shape[-1]}"
    else:
        said += ": it has height x width pixels of 1, 3 or 4 channels"
    raise InvalidRequest(f"{name} is {said}")


def _is_pillow(image: Any) -> bool:
    return any((kind.__module__, kind.__qualname__) == ("PIL.Image", "Image") for kind in type(image).__mro__)


# Pillow's modes whose numbers are no light, by the mode that Pillow makes of them.
_PILLOW_TO = {"1": "L", "P": "RGBA", "PA": "RGBA", "LA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB",
              "YCbCr": "RGB", "HSV": "RGB"}
_PILLOW_AS_IT_IS = ("L", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def _warn_of_pages(image: Any) -> None:
    try:
        pages = getattr(image, "n_frames", 1)
    except Exception:  # a later one is broken, in whatever way its plug-in tells
        pages = "several"
    if pages != 1:
        _warn(f"page 1 of {pages} is taken; image.seek(n) takes another, and image.copy() says that the first is meant",
              PageWarning)


def _read_pillow(image: Any, name: str) -> Any:
    try:
        image.load()
        turned = image.getexif().get(0x0112, 1)  # of a TIFF it has been applied, and is gone
    except Exception as error:  # of whatever kind its plug-ins raise
        raise InvalidRequest(f"{name} cannot be read by Pillow: {error}") from error
    if turned in range(2, 9):
        raise InvalidRequest(f"{name} is to be turned, as its EXIF orientation {turned} says: give "
                             f"PIL.ImageOps.exif_transpose({name}), so that image and mask stand alike")
    if not image.format or image.tell() != 0:
        return image
    page = image.copy()  # counting pages may go through them, and forget what was drawn on this one
    _warn_of_pages(image)
    return page


_pillow_locks = [threading.Lock() for _ in range(64)]  # by images: one that is twice in a list is read by two threads


def _of_pillow(image: Any, name: str) -> np.ndarray:
    """Its own pixels, as an array: what a mode means is applied, and a transparent colour becomes alpha."""
    with _pillow_locks[id(image) // 16 % len(_pillow_locks)]:
        image = _read_pillow(image, name)
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("RGBA")
    while image.mode in _PILLOW_TO:
        image = image.convert(_PILLOW_TO[image.mode])
    if image.mode not in _PILLOW_AS_IT_IS:
        raise InvalidRequest(f"{name} is a Pillow image of mode {image.mode!r}, whose colours need a profile: make it "
                             f"\"RGB\" by PIL.ImageCms, or by {name}.convert(\"RGB\") where rough colours do")
    if "transparency" in image.info and image.mode[0] == "I":
        raise InvalidRequest(f"{name} is a Pillow image of mode {image.mode!r} with a transparent value: give "
                             f"numpy.asarray({name}), where that does not matter")
    return np.asarray(image)


def _array_of(image: Any, name: str) -> np.ndarray:
    """A plain array in this machine's byte order."""
    if isinstance(image, np.ma.MaskedArray) and np.ma.is_masked(image):
        raise InvalidRequest(f"{name} is an array with {np.ma.count_masked(image)} values masked: give "
                             f"{name}.filled(0), or what else stands in their place")
    if isinstance(image, np.ndarray):
        array = np.asarray(image.data if isinstance(image, np.ma.MaskedArray) else image)
    elif _is_pillow(image):
        array = _of_pillow(image, name)
    else:
        _refuse_type(image, name)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _refuse_dtype(array: np.ndarray, name: str) -> NoReturn:
    said = f"{name} is of {array.dtype}"
    if array.dtype == bool:
        raise InvalidRequest(f"{said}: give {name}.astype(numpy.uint8) * 255")
    if array.dtype.kind in "iu":
        raise InvalidRequest(f"{said}: give uint8, uint16, or floats from 0 to 1; or say what is white of its "
                             f"{array.min()} to {array.max()}, such as {_likely_white(array.max())}")
    raise InvalidRequest(f"{said}: give uint8, uint16, or floats from 0 to 1")


def _white_of(array: np.ndarray, name: str, white: Optional[float]) -> float:
    """The value that is white."""
    most, right = _opaque_of(array), "the value that is white, such as 4095, or None"
    if array.dtype.kind not in "iuf" or white is None and not most:
        _refuse_dtype(array, name)
    if white is None:
        return most
    number = _number(white, "white", right)
    if not 0 < number < math.inf:
        raise InvalidRequest(f"white is {number:g}: give {right}")
    if array.dtype.name in _OPAQUE and number > most:
        raise InvalidRequest(f"white is {number:g}, beyond what {array.dtype} holds: give at most {most}, or None")
    return number


_OPAQUE = {"uint8": 255, "uint16": 65535}


def _opaque_of(array: np.ndarray) -> int:
    """The value of an alpha channel that is opaque, and of others that is white, unless somebody says otherwise; 0
    where a type has none."""
    return 1 if array.dtype.kind == "f" else _OPAQUE.get(array.dtype.name, 0)


def _likely_white(greatest: Any) -> str:
    """What to propose for values that go so far: the next of the depths that cameras have, unless less than a sixteenth
    of that were used."""
    greatest = float(greatest)
    likely = next((most for most in (255, 1023, 4095, 16383, 65535) if greatest <= most <= 16 * greatest), greatest)
    return f"white={likely if likely > 0 else 255:g}"


def _check_values(array: np.ndarray, name: str, white: Optional[float]) -> None:
    """Of floats and signed numbers. What is above a white that somebody named is as white."""
    least, greatest = array.min(), array.max()
    if not (np.isfinite(least) and np.isfinite(greatest)):
        raise InvalidRequest(f"{name} holds values that are no numbers (NaN or infinite): give numbers")
    if white is None and not (least >= 0 and greatest <= 1):
        white_is = f", or say what is white: {_likely_white(greatest)}" if least >= 0 else ""
        raise InvalidRequest(f"{name} is of {array.dtype}, which holds values from 0 to 1, not {least:g} to "
                             f"{greatest:g}: scale it, or give uint8{white_is}")
    if least < 0:
        raise InvalidRequest(f"{name} holds values below 0, down to {least:g}: 0 is black")


def _warn_of_little(array: np.ndarray) -> None:
    if array.dtype == np.uint16 and 0 < 16 * (int(array.max()) - int(array.min())) < 65535:
        likely, meant = _likely_white(array.max()), "white=65535"
        otherwise = f"{likely} says otherwise, and {meant}" if likely != meant else f"{meant} says"
        # few texts, so that each is shown once
        _warn(f"an image of uint16 uses less than a sixteenth of the range from 0 to 65535, which is taken for black to "
              f"white: {otherwise} that it is meant", RangeWarning)


@functools.lru_cache(maxsize=4)
def _bytes_by_value(most: int, white: float) -> np.ndarray:
    return (255 * np.minimum(np.arange(most + 1) / white, 1) + 0.5).astype(np.uint8)


def _to_bytes(values: np.ndarray, white: float) -> np.ndarray:
    """0 to `white` as 0 to 255, rounded."""
    if values.dtype.name in _OPAQUE:
        most = _OPAQUE[values.dtype.name]
        return values if (most, white) == (255, 255) else _bytes_by_value(most, white)[values]
    if white == 1:
        return np.rint(np.minimum(values, 1) * values.dtype.type(255)).astype(np.uint8)
    return np.rint(np.minimum(values.astype(np.float64) / white, 1) * 255).astype(np.uint8)


def _to_rgb(image: Any, name: str = "image", white: Optional[float] = None) -> np.ndarray:
    """Any image that is accepted as height x width x 3 bytes; `name` is what errors call it."""
    array = _array_of(image, name)
    if array.ndim not in (2, 3) or 0 in array.shape or array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        _refuse_shape(array, name)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    value = _white_of(array, name, white)
    colours, alpha = (array[:, :, :3], array[:, :, 3:]) if array.shape[2] == 4 else (array, None)
    if array.dtype.kind in "if":
        _check_values(colours, name, white)
    if white is None:
        _warn_of_little(colours)
    rgb = _to_bytes(colours, value)
    if alpha is not None:
        if not _opaque_of(array):
            raise InvalidRequest(f"{name} is of {array.dtype} with an alpha channel, of which nobody knows what is "
                                 f"opaque: give {name}[:, :, :3]")
        if array.dtype.kind == "f":
            _check_values(alpha, f"{name}'s alpha channel", None)
        opacity = _to_bytes(alpha, _opaque_of(array)).astype(np.uint16)
        rgb = ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rgb, rgb.shape[:2] + (3,)))


NO_LABEL = 255  # in labels, of a model whose classes may overlap: none is above the threshold

_PICTURES = ("mask", "probabilities", "logits", "labels", "class_probabilities")


@dataclass(frozen=True)
class Result:
    """What became of one image. result["mask"] is result.mask, for whoever is used to dictionaries."""

    mask: np.ndarray                      # height x width, uint8: 1 above the threshold, else 0
    probabilities: Optional[np.ndarray]   # height x width, float32; None where they were not wanted
    model_name: str
    inference_mode: str                   # "production_optimized" or "standard_fallback"
    batch_size: int                       # requests that ran together
    run_size: int                         # images that ran: more where the batch was padded
    instance: int
    input_size: Tuple[int, int]           # height, width that the network ran at, whatever the image's own
    held_ms: float                        # in Python: converting the image, being held back
    queue_ms: float                       # in the queue, until its batch began
    preprocess_ms: float                  # its whole batch: resizing, normalising, masks
    deliver_ms: float                     # of that: masks
    service_ms: float                     # its batch in the network
    latency_ms: float                     # in the service, from the queue to the answer
    p95_latency_ms: float                 # of the model, over the window of its metrics
    logits: Optional[np.ndarray] = None   # float32, of input_size, as the network gives them; None: not wanted
    labels: Optional[np.ndarray] = None   # height x width, uint8: each pixel's class, or NO_LABEL; None: not wanted
    class_probabilities: Optional[np.ndarray] = None  # classes x height x width, float32; None: not wanted

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None

    @property
    def metadata(self) -> Dict[str, Any]:
        """All but the pictures."""
        names = (field.name for field in fields(self))
        return {name: getattr(self, name) for name in names if name not in _PICTURES}


@dataclass(frozen=True)
class Model:
    """A model as it is served."""

    name: str
    input_size: Tuple[int, int]   # height, width: what every image is resized to for the network
    tuned_size: Optional[int]     # the side that the config's figures were measured at; None: it does not say
    demonstration: bool           # the input is that of a CPU's demonstration, and nobody asked for it
    batch_size: int               # the largest that is formed
    max_queue_size: int
    max_queue_delay_ms: float
    p95_sla_ms: float             # the promise for a request
    timeout_ms: float             # of a request that names none; 0: none
    policy: str                   # how batches are formed: "delay" or "adaptive"
    instances: int                # copies of the network
    precision: str                # of the production path: "fp32", "bf16", ...; "" until it was started
    weights_note: str             # which network of several in a checkpoint was taken, where nobody chose; else ""
    changed_weights: bool         # since they were measured, as a ChangedWeightsWarning said; False until then
    class_count: int              # the classes that it tells apart, 1 where it gives one mask; 0 until it was started


class ModelClass(NamedTuple):
    """A class that a model tells apart."""

    name: str                   # as the model file's NAME.json says; "class 3" where it does not
    rgb: Tuple[int, int, int]   # the colour that it is drawn in, 0 to 255


def find_polygons(probabilities: np.ndarray, threshold: float = 0.5, min_area_px: float = 50.0,
                  library: Optional[str] = None) -> List[Dict[str, Any]]:
    """The regions above the threshold: {"points": [[x, y], ...], "holes": [[[x, y], ...], ...], "area": pixels,
    "confidence": mean probability, "bbox": [x, y, width, height], "type": "external"} for each, by its topmost
    pixel. Points are pixels: the outline runs through the centres of the outermost. Smaller regions than
    `min_area_px` are left out. Takes some 10 ms for 1024 x 1024, and lets go of the GIL for most of it."""
    lib = _load(library)
    with _polygons(lib, probabilities, threshold, min_area_px) as found:
        return json.loads(_text(lib, lib.bt_polygons_json, found))["polygons"]


def coco_data_set(pictures: Mapping[str, np.ndarray], threshold: float = 0.5, min_area_px: float = 50.0,
                  category: str = "spheroid", run_lengths: bool = False,
                  library: Optional[str] = None) -> Dict[str, Any]:
    """The regions of pictures, {file name: probabilities}, as one COCO data set, which is JSON as it stands. Its
    outlines run along the pixels' edges, so that pycocotools decodes just the regions; with `run_lengths` it has
    COCO's run-length masks in their place."""
    if not isinstance(pictures, Mapping):
        raise InvalidRequest(f"pictures is {_shown(pictures)}: give a dict, such as {{\"a.png\": result.probabilities}}")
    category = _text_of(category, "category", "what a region is, such as \"spheroid\"")
    lib = _load(library)
    write = lib.bt_polygons_coco_rle if _switch(run_lengths, "run_lengths") else lib.bt_polygons_coco
    with contextlib.ExitStack() as stack:
        found = [_CocoPicture(_text_of(name, "a key of pictures", "a picture's file name").encode(),
                              stack.enter_context(_polygons(lib, probabilities, threshold, min_area_px)))
                 for name, probabilities in pictures.items()]
        return json.loads(_text(lib, write, (_CocoPicture * len(found))(*found), len(found), category.encode()))


@contextlib.contextmanager
def _polygons(lib: ctypes.CDLL, probabilities: np.ndarray, threshold: float,
              min_area_px: float) -> Iterator[ctypes.c_void_p]:
    threshold = _probability(threshold)
    min_area_px = _at_least_0(min_area_px, "min_area_px", "how many pixels a region has at least, such as 50")
    if probabilities is None:
        raise InvalidRequest("probabilities is None, as in a result that was asked for with probabilities=False")
    array = np.asarray(probabilities)
    if array.dtype.kind not in "fiub" or np.ma.is_masked(probabilities):
        raise InvalidRequest(f"probabilities is {_shown(probabilities)}: give an array of numbers, height x width, "
                             f"such as result.probabilities")
    if array.ndim != 2:
        raise InvalidRequest(f"probabilities of {array.ndim} dimensions: they are height x width")
    values = np.ascontiguousarray(array, dtype=np.float32)
    found, error = _HANDLE(), _Error()
    if lib.bt_polygons_find(ctypes.byref(found), values.ctypes.data, *values.shape, threshold, min_area_px,
                            ctypes.byref(error)):
        raise error.exception()
    try:
        yield found
    finally:
        lib.bt_polygons_close(ctypes.byref(found))


# ---- held back until there is room ----

class _Waiter:
    """One who waits at a gate. `let_in`: its place is taken for it, though it may not have woken up yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future = loop.create_future()
        self.let_in = False

    def wake(self) -> None:
        self.loop.call_soon_threadsafe(self.finish)

    def finish(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class _Gate:
    """Lets as many requests of a model pass as its queue has room for, first come first served, whatever loop
    they come from. asyncio's semaphores know one loop only."""

    def __init__(self, model: str, room: int) -> None:
        self.model = model
        self.room = room
        self._lock = threading.RLock()  # collecting garbage may end a coroutine in the middle of anything
        self._inside = 0
        self._waiters: "OrderedDict[_Waiter, None]" = OrderedDict()  # by arrival; any may leave at any time
        self._closed = False

    async def enter(self, deadline: Optional[float]) -> None:
        """Returns with a place, which leave() gives back; raises Timeout at the deadline, Closed at the end."""
        with self._lock:
            self._check_open()
            if self._inside < self.room and not self._waiters:
                self._inside += 1
                return
            waiter = _Waiter(asyncio.get_running_loop())
            self._waiters[waiter] = None
        timer = deadline and waiter.loop.call_later(deadline - time.monotonic(), waiter.finish)
        try:
            await waiter.future
        except BaseException:
            if not self._give_up(waiter):
                self.leave()
            raise
        finally:
            if timer:
                timer.cancel()
        if self._give_up(waiter):
            with self._lock:
                self._check_open()
            raise Timeout(f"{self.model}: the deadline passed while {self.room} requests were ahead "
                          f"(max_queue_size)")

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            self._admit()

    def resize(self, room: int) -> None:
        with self._lock:
            self.room = room
            self._admit()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for waiter in self._waiters:
                self._wake(waiter)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"{self.model}: the service was stopped before the request was let in")

    def _give_up(self, waiter: _Waiter) -> bool:
        """False: it was let in."""
        with self._lock:
            self._waiters.pop(waiter, None)
            return not waiter.let_in

    def _admit(self) -> None:
        while self._waiters and self._inside < self.room and not self._closed:
            waiter, _ = self._waiters.popitem(last=False)
            if self._wake(waiter):  # else its loop is gone, and it with it
                waiter.let_in = True
                self._inside += 1

    @staticmethod
    def _wake(waiter: _Waiter) -> bool:
        try:
            waiter.wake()
        except RuntimeError:
            return False
        return True


# ---- one loop's answers ----

class _Reply:
    """An answer, out of the library's memory."""

    def __init__(self, answer: _Answer) -> None:
        self.error = answer.error.exception() if answer.error.status else None
        self.figures = {name: getattr(answer.result, name) for name, _ in _Result._fields_ if name != "ticket"}
        self.figures["inference_mode"] = self.figures["inference_mode"].decode()
        self.figures["input_size"] = (self.figures.pop("input_height"), self.figures.pop("input_width"))


class _Pending:
    """A request under way, and all that the library reads and writes for it: alive until its answer is here,
    whatever becomes of the coroutine."""

    def __init__(self, arrays: Tuple[Any, ...], gate: _Gate) -> None:
        self.arrays = arrays
        self.gate = gate
        self.ticket = ctypes.c_uint64()
        self.settled = False
        self.reply: "asyncio.Future[_Reply]" = asyncio.get_running_loop().create_future()

    def settle(self, answer: _Answer) -> None:
        self.settled = True
        self.gate.leave()
        if not self.reply.done() and not self.reply.get_loop().is_closed():
            self.reply.set_result(_Reply(answer))


class _Room:
    """One event loop's inbox. The loop watches its descriptor and takes the answers on its own thread."""

    AT_ONCE = 32  # answers

    def __init__(self, run: "_Run", loop: asyncio.AbstractEventLoop) -> None:
        self.library = run.library
        self.forks = _forks
        self.pending: Dict[int, _Pending] = {}
        self.leaving = False
        self._tags = itertools.count(1)
        self._answers = (_Answer * self.AT_ONCE)()
        self._inbox, error = _HANDLE(), _Error()
        if self.library.bt_inbox_open(ctypes.byref(self._inbox), run.capacity, ctypes.byref(error)):
            raise error.exception()
        self._descriptor = self.library.bt_inbox_fd(self._inbox)
        self.move_to(loop)

    def move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = weakref.ref(loop)
        loop.add_reader(self._descriptor, self.drain)

    def submit(self, service: ctypes.c_void_p, request: _Request, pending: _Pending) -> None:
        tag, error = next(self._tags), _Error()
        self.pending[tag] = pending  # first: the answer may come before the call returns
        if self.library.bt_inbox_submit(self._inbox, service, ctypes.byref(request), tag,
                                        ctypes.byref(pending.ticket), ctypes.byref(error)):
            del self.pending[tag]
            raise error.exception()

    def drain(self) -> None:
        count = self.AT_ONCE
        while count == self.AT_ONCE:
            count = self.library.bt_inbox_take(self._inbox, self._answers, self.AT_ONCE)
            for i in range(count):
                self.pending.pop(self._answers[i].tag).settle(self._answers[i])
        loop = self.loop()
        if self.leaving and not self.pending and loop is not None and not loop.is_closed():
            loop.remove_reader(self._descriptor)

    def leave(self) -> None:
        """From any thread: the loop need not watch it any longer than until the last answer."""
        self.leaving = True
        loop = self.loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self.drain)
        except RuntimeError:
            pass  # the loop is closed

    def is_deserted(self) -> bool:
        loop = self.loop()
        return loop is None or loop.is_closed()

    def __del__(self) -> None:
        if self.forks == _forks and self._inbox:
            self.library.bt_inbox_close(ctypes.byref(self._inbox))


# ---- one service of the library's, from start to stop ----

def _open_service(library: ctypes.CDLL, options: _Options) -> ctypes.c_void_p:
    """Reads the config; loads nothing yet."""
    service, error = _HANDLE(), _Error()
    if library.bt_service_open(ctypes.byref(service), ctypes.byref(options), ctypes.byref(error)):
        raise error.exception()
    return service


def _models(library: ctypes.CDLL, service: ctypes.c_void_p) -> Dict[str, Model]:
    count = library.bt_service_models(service, None, 0)
    facts = (_ModelFacts * count)()
    library.bt_service_models(service, facts, count)
    return {model.name: model for model in map(_model, facts)}


def _model(facts: _ModelFacts) -> Model:
    values = {name: getattr(facts, name) for name, _ in _ModelFacts._fields_}
    values["input_size"] = (values.pop("input_height"), values.pop("input_width"))
    values["instances"] = values.pop("instance_count")
    values["tuned_size"] = values["tuned_size"] or None
    for name in ("name", "policy", "precision", "weights_note"):
        values[name] = values[name].decode("utf-8", "replace")
    return Model(**values)


def _warn_of_weights(models: Mapping[str, Model]) -> None:
    for name, model in models.items():
        if model.weights_note:
            _warn(f"{name}: {model.weights_note}", WeightsWarning)


def _warn_of_demonstration(models: Mapping[str, Model]) -> None:
    sides = {name: model.input_size[0] for name, model in models.items() if model.demonstration}
    for side in sorted(set(sides.values())):
        names = ", ".join(name for name in sides if sides[name] == side)
        _warn(f"{names}: images are resized to {side} x {side} pixels for the network, as in the CPU's "
              f"demonstration that the config is of; it is made for 1024: image_size=1024 asks for that, "
              f"image_size={side} says that {side} is meant", DemonstrationWarning)


def _warn_of_changed_weights(models: Mapping[str, Model]) -> None:
    changed = ", ".join(name for name, model in models.items() if model.changed_weights)
    if changed:
        _warn(f"{changed}: other weights than those that were measured: the file in the config has changed since",
              ChangedWeightsWarning)


class _Run:
    """Whoever calls the library holds on to it: its service is closed when nobody does any more."""

    ever = False  # was there one in this process, or in those that it was forked from?

    def __init__(self, library: ctypes.CDLL, options: _Options) -> None:
        _Run.ever = True
        self.library = library
        self.forks = _forks
        self.service = _HANDLE()  # where opening fails
        self.stopped = False
        self._rooms: List[_Room] = []
        self._lock = threading.RLock()
        self.service, error = _open_service(library, options), _Error()
        _warn_of_demonstration(self.models())
        if library.bt_service_start(self.service, ctypes.byref(error)):
            raise error.exception()
        _warn_of_weights(self.models())
        _warn_of_changed_weights(self.models())
        self.input_sizes = {name: model.input_size for name, model in self.models().items()}
        self.class_counts = {name: model.class_count for name, model in self.models().items()}
        self.gates = {model: _Gate(model, figures["queue_limit"]) for model, figures in self.metrics().items()}
        self.capacity = sum(gate.room for gate in self.gates.values())

    def gate(self, model: str) -> _Gate:
        if not isinstance(model, str) or model not in self.gates:
            raise InvalidRequest(f"no model is called {reprlib.repr(model)} here; there are: {', '.join(self.gates)}")
        return self.gates[model]

    def room(self) -> _Room:
        """This loop's; made at its first request."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self.stopped:
                raise Closed("the service was stopped")
            for room in self._rooms:
                if room.loop() is loop and not room.leaving:
                    return room
            self._rooms.append(_Room(self, loop))
            return self._rooms[-1]

    def sweep(self) -> None:
        """Where a loop was closed before all of its answers had come, this one takes them: they free places."""
        with self._lock:
            for room in [room for room in self._rooms if room.leaving or room.is_deserted()]:
                if not room.leaving and room.pending:
                    room.leaving = True
                    room.move_to(asyncio.get_running_loop())
                elif not room.pending:
                    self._rooms.remove(room)

    def cancel(self, pending: _Pending) -> None:
        error = _Error()  # it may have been answered just now: then there is nothing to take back
        self.library.bt_service_cancel(self.service, pending.ticket, ctypes.byref(error))

    def models(self) -> Dict[str, Model]:
        return _models(self.library, self.service)

    def classes(self, model: str) -> List[ModelClass]:
        self.gate(model)
        name, rgb, error = ctypes.create_string_buffer(64), (ctypes.c_uint8 * 3)(), _Error()
        classes = []
        for number in range(self.class_counts[model]):
            if self.library.bt_service_class(self.service, model.encode(), number, name, rgb, ctypes.byref(error)):
                raise error.exception()
            classes.append(ModelClass(name.value.decode("utf-8", "replace"), (rgb[0], rgb[1], rgb[2])))
        return classes

    def metrics(self) -> Dict[str, Dict[str, Any]]:
        text = _text(self.library, self.library.bt_service_metrics_json, self.service)
        return json.loads(text, object_hook=_unknown_is_nan)

    def set(self, model: Optional[str], settings: str) -> None:
        if model is not None:
            _text_of(model, "model_name", "a model's name, such as \"hrnet\", or None for all")
        error = _Error()
        if self.library.bt_service_set(self.service, model and model.encode(), settings.encode(),
                                       ctypes.byref(error)):
            raise error.exception()
        for name, figures in self.metrics().items():
            self.gates[name].resize(figures["queue_limit"])

    def stop(self, drain_s: float) -> None:
        """Waits for what is under way; what is held back is told at once."""
        drain_s = min(drain_s, 1e9)
        with self._lock:
            if self.stopped:
                return
            self.stopped = True  # no room is added from now on
        for gate in self.gates.values():
            gate.close()
        error = _Error()
        failed = self.library.bt_service_stop(self.service, drain_s * 1e3, ctypes.byref(error))
        with self._lock:
            for room in self._rooms:
                room.leave()
        if failed:
            raise error.exception()

    def __del__(self) -> None:
        if self.forks == _forks and self.service:
            self.library.bt_service_close(ctypes.byref(self.service))


def _unknown_is_nan(figures: Dict[str, Any]) -> Dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in figures.items()}


# ---- what users see ----

Settings = Union[str, Mapping[str, Any], None]


def _pairs(settings: Settings) -> str:
    if settings is None or isinstance(settings, str):
        return _text_of(settings, "settings", "text without NUL") if settings else ""
    if not isinstance(settings, Mapping):
        raise InvalidRequest(f"settings is {_shown(settings)}: give a dict, such as {{\"batch_size\": 4}}, or text, "
                             f"such as \"batch_size=4\"")
    return ",".join(f"{_key(key)}={_setting(key, value)}" for key, value in settings.items())


def _key(key: Any) -> str:
    name = _text_of(key, "a key of settings", "text, such as \"batch_size\"")
    if set(name) & set(",="):
        raise InvalidRequest(f"a key of settings is {_shown(key)}: give one setting's name; settings_help() lists them")
    return name


def _setting(key: str, value: Any) -> str:
    """As text, in quotes where it holds a comma, which ends a value otherwise."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        value = ",".join(_text_of(one, f"a part of settings[{key!r}]", "text") for one in value)
    elif isinstance(value, os.PathLike):
        value = _path_of(value, f"settings[{key!r}]")
    if isinstance(value, str):
        text = "" if value == "" else _text_of(value, f"settings[{key!r}]", "text without NUL")
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text
    if not isinstance(value, (int, float, np.integer, np.floating)) or value != value:
        raise InvalidRequest(f"settings[{key!r}] is {_shown(value)}: give a number, text, True or False, or leave it "
                             f"out")
    return str(value)


def _names(models: Any) -> Optional[str]:
    right = "a list of names, such as [\"hrnet\"], or \"hrnet,cbam_resunet\", or None for all"
    if models is None:
        return None
    if isinstance(models, str):
        return _text_of(models, "models", right)
    if isinstance(models, (bytes, Mapping)) or not hasattr(models, "__iter__"):
        raise InvalidRequest(f"models is {_shown(models)}: give {right}")
    names = [_text_of(name, f"models[{i}]", "a model's name, such as \"hrnet\"") for i, name in enumerate(models)]
    if not names:
        raise InvalidRequest(f"models is empty: give {right}")
    return ",".join(names)


class Service:
    """A service of one's own; get_production_service() gives the process's.

    config      the file that optimize-batch wrote; None: $BATCHTUNE_CONFIG, else
                configs/production_batch_config.json
    models      ["hrnet", "cbam_resunet"] or "hrnet,cbam_resunet"; None: all of the config's
    settings    over the config's own values: {"batch_size": 4, "admission": False} or
                "batch_size=4,admission=false"; settings_help() tells the keys
    library     libbatchtune.so's path; None: it is looked for
    image_size  the side of the networks' input; None: what the config's entry was tuned at, else what the model
                file says, else 1024; `settings` go over it

    Every method may be called from any thread, or from any event loop where it is a coroutine. `with` and
    `async with` start it and stop it."""

    def __init__(self, config: Union[str, "os.PathLike[str]", None] = None,
                 models: Union[str, List[str], None] = None, settings: Settings = None,
                 library: Optional[str] = None, image_size: Optional[int] = None) -> None:
        names, pairs = _names(models), _pairs(settings)
        if image_size is not None and (not isinstance(image_size, (int, np.integer)) or isinstance(image_size, bool)):
            raise InvalidRequest(f"image_size is {_shown(image_size)}: give one side in pixels, such as 1024, or None")
        if image_size and not re.search(r"(^|,)image_size=", pairs):
            pairs = ",".join(filter(None, [f"image_size={image_size}", pairs]))
        path = None if config is None else os.fsencode(_path_of(config, "config"))
        self._library = _load(library)
        self._library_path = library
        self._options = _Options(path, names and names.encode(), pairs.encode())
        self._lock = threading.Lock()
        self._run: Optional[_Run] = None
        self._starting: Optional["concurrent.futures.Future[None]"] = None

    async def start(self) -> None:
        """Loads every model and runs every batch size once. Returns at once where it runs already; may be called
        again after stop(). Raises ConfigError or InvalidRequest where the config or a setting is wrong."""
        _check_process()
        with self._lock:
            if self._run and not self._run.stopped:
                return
            if not self._starting:
                self._starting = _in_thread(self._start)
            starting = self._starting
        await asyncio.shield(asyncio.wrap_future(starting))

    def _start(self) -> None:
        try:
            run = _Run(self._library, self._options)
            _running.add(run)
            self._run = run
        finally:
            with self._lock:
                self._starting = None

    async def stop(self, drain: float = 10.0) -> None:
        """Takes no more requests and waits at most `drain` seconds for those under way; the others, and those
        held back, raise Closed. Raises Timeout where some had to be given up; it is stopped all the same.
        Does nothing where it does not run."""
        _check_process()
        drain = _at_least_0(drain, "drain", "seconds, such as 10.0")
        starting = self._starting
        if starting:
            try:
                await asyncio.shield(asyncio.wrap_future(starting))
            except BatchtuneError:
                pass  # told to whoever started it
        run = self._run
        if run:
            try:
                await asyncio.shield(asyncio.wrap_future(_in_thread(run.stop, drain)))
            finally:
                _running.discard(run)

    def start_sync(self) -> None:
        """start(), for a thread without an event loop. Where Ctrl-C ends the wait, starting goes on."""
        _wait("start", self.start)

    def stop_sync(self, drain: float = 10.0) -> None:
        """stop(), for a thread without an event loop."""
        _wait("stop", self.stop, drain)

    def __enter__(self) -> "Service":
        self.start_sync()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop_sync()

    async def __aenter__(self) -> "Service":
        await self.start()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.stop()

    @property
    def ready(self) -> bool:
        """Whether requests are taken: started, and not stopped."""
        run = self._run
        return not _orphaned and run is not None and not run.stopped

    @property
    def models(self) -> Dict[str, Model]:
        """What it serves, by name: service.models["hrnet"].input_size; list(service.models) are the names. Before
        a start this reads the config and loads nothing: ConfigError or InvalidRequest where that is wrong."""
        _check_process()
        if self._run:
            return self._run.models()
        service = _open_service(self._library, self._options)
        try:
            return _models(self._library, service)
        finally:
            self._library.bt_service_close(ctypes.byref(service))

    def classes(self, model_name: str) -> List[ModelClass]:
        """The classes that a model tells apart, by their numbers in `labels` and their places in `class_probabilities`:
        [one.name for one in service.classes("mine")]. How many there are is known once its file was loaded: before
        start() it raises Closed."""
        return self._last().classes(model_name)

    @overload
    async def infer(self, image: np.ndarray, model_name: str, threshold: float = ...,
                    timeout: Optional[float] = ..., **how: Any) -> Result: ...

    @overload
    async def infer(self, image: Sequence[np.ndarray], model_name: str, threshold: float = ...,
                    timeout: Optional[float] = ..., **how: Any) -> List[Result]: ...

    async def infer(self, image, model_name, threshold=0.5, timeout=None, *, white=None, probabilities=True,
                    standard_path=False, ready=False, logits=False, priority=2, return_exceptions=False,
                    labels=None, class_probabilities=False):
        """Segments one image, or a list of them: all are under way at once, so that they are batched, and the results
        are in the list's order.

        `timeout` in seconds, from this call, for each image; None: the setting `timeout_ms`, and none where that is
        0. `white`: the value of an image that is white, 0 being black, where that is not its type's largest: 4095 of
        a camera of 12 bits; brighter ones are as white. `probabilities=False` saves writing them. `standard_path`
        skips the production path: FP32, one image at a time, for comparison. `ready=True` says that the image is the
        network's input already: 3 x height x width, float32 or float16, normalised, of the model's own size.
        `logits=True` gives what the network gives, too, of its own size; of several classes it is one map, of those in
        the mask. `priority` is 1 (first), 2 or 3: it counts in the service's queue, not among those that are held
        back here.

        `labels=True` gives each pixel's class, of the image's size, as argmax has it; of one class that is its mask.
        None, which is usual, gives them where the model tells several classes apart. `class_probabilities=True` gives
        the probability of each class; of one class it is probabilities[None].

        Raises InvalidRequest, Timeout, Closed, BackendFailed; QueueFull only where others share the service. Of a
        list the first error is raised, and the other images are taken back; with `return_exceptions` nothing is
        raised, and errors stand among the results, as in asyncio.gather."""
        _switch(return_exceptions, "return_exceptions")
        how = functools.partial(self._infer, model_name=model_name, threshold=threshold, timeout=timeout, white=white,
                                probabilities=probabilities, standard_path=standard_path, ready=ready,
                                logits=logits, priority=priority, labels=labels,
                                class_probabilities=class_probabilities)
        if not isinstance(image, (list, tuple)):
            return await how(image, "image")
        return await _gather([how(one, f"image[{i}]") for i, one in enumerate(image)], return_exceptions)

    @overload
    def infer_sync(self, image: np.ndarray, model_name: str, threshold: float = ...,
                   timeout: Optional[float] = ..., **how: Any) -> Result: ...

    @overload
    def infer_sync(self, image: Sequence[np.ndarray], model_name: str, threshold: float = ...,
                   timeout: Optional[float] = ..., **how: Any) -> List[Result]: ...

    def infer_sync(self, image, model_name, threshold=0.5, timeout=None, *, white=None, probabilities=True,
                   standard_path=False, ready=False, logits=False, priority=2, return_exceptions=False,
                   labels=None, class_probabilities=False):
        """infer(), for a thread without an event loop. Waiting does not hold the GIL; Ctrl-C takes the request back.
        Requests of several threads, and of a list, are batched together."""
        return _wait("infer", self.infer, image, model_name, threshold, timeout, white=white,
                     probabilities=probabilities, standard_path=standard_path, ready=ready, logits=logits,
                     priority=priority, return_exceptions=return_exceptions, labels=labels,
                     class_probabilities=class_probabilities)

    async def _infer(self, image: Any, called_name: str, *, model_name: str, threshold: float = 0.5,
                     timeout: Optional[float] = None, white: Optional[float] = None, probabilities: bool = True,
                     standard_path: bool = False, ready: bool = False, logits: bool = False,
                     priority: int = 2, labels: Optional[bool] = None,
                     class_probabilities: bool = False) -> Result:
        called = time.monotonic()
        run = self._current()
        gate = run.gate(model_name)
        threshold, timeout = _probability(threshold), _seconds(timeout)
        probabilities = _switch(probabilities, "probabilities")
        standard_path = _switch(standard_path, "standard_path")
        if _switch(ready, "ready"):
            pixels = image if _check_tensor(image, called_name, white) else await _in_executor(_in_a_row, image)
            height, width = pixels.shape[1:]
        else:
            as_it_is = _is_plain(image) and white is None
            pixels = image if as_it_is else await _in_executor(_to_rgb, image, called_name, white)
            height, width = pixels.shape[:2]
        mask = np.empty((height, width), np.uint8)
        likely = np.empty((height, width), np.float32) if probabilities else None
        raw = np.empty(run.input_sizes[model_name], np.float32) if _switch(logits, "logits") else None
        count = run.class_counts[model_name]
        labels = count > 1 if labels is None else _switch(labels, "labels")
        numbers = np.empty((height, width), np.uint8) if labels else None
        each = (np.empty((count, height, width), np.float32)
                if _switch(class_probabilities, "class_probabilities") else None)
        request = _Request(
            height=height, width=width, model=model_name.encode(), threshold=threshold, mask=mask.ctypes.data,
            probabilities=_address(likely), standard_path=standard_path, logits=_address(raw),
            labels=_address(numbers), class_probabilities=_address(each),
            priority=_priority(priority), tensor_type=int(pixels.dtype == np.float16))
        setattr(request, "tensor" if ready else "image", pixels.ctypes.data)
        reply, held_ms = await _ask(run, request, (pixels, mask, likely, raw, numbers, each), gate, called, timeout)
        if reply.error:
            raise reply.error
        return Result(mask, likely, model_name, held_ms=held_ms, logits=raw, labels=numbers,
                      class_probabilities=each, **reply.figures)

    async def segment_image_optimized(self, image_array: np.ndarray, model_name: str = "hrnet",
                                      threshold: float = 0.5, timeout: Optional[float] = None,
                                      min_area_px: float = 50.0, white: Optional[float] = None
                                      ) -> Tuple[List[Dict[str, Any]], Dict[str, Any]]:
        """Segments one image and finds its regions: (polygons, metadata), as find_polygons and Result.metadata
        say. Starts the service where that was not done."""
        _at_least_0(min_area_px, "min_area_px", "how many pixels a region has at least, such as 50")
        await self.start()
        result = await self._infer(image_array, "image_array", model_name=model_name, threshold=threshold,
                                   timeout=timeout, white=white)
        polygons = await _in_executor(find_polygons, result.probabilities, threshold, min_area_px,
                                      self._library_path)
        return polygons, result.metadata

    def get_metrics(self) -> Dict[str, Dict[str, Any]]:
        """Each model's figures: metrics["hrnet"]["p95_latency_ms"], ["throughput_imgs_per_sec"], ["queue_size"],
        ... Times and rates are of the last 60 seconds (metrics_window_seconds); NaN: not known yet. After stop()
        the last figures stay readable; before start() it raises Closed."""
        return self._last().metrics()

    def get_prometheus_metrics(self) -> str:
        """The same in Prometheus's text format, in seconds and bytes: serve it as "text/plain; version=0.0.4;
        charset=utf-8"."""
        run = self._last()
        return _text(run.library, run.library.bt_service_metrics_prometheus, run.service)

    def set(self, settings: Settings, model_name: Optional[str] = None) -> None:
        """Changes settings of one model (None: all) while it runs: {"batch_size": 4, "max_queue_delay_ms": 2}."""
        self._current().set(model_name, _pairs(settings))

    def _last(self) -> _Run:
        _check_process()
        if not self._run:
            if self._starting:
                raise Closed("the service is still starting: `await service.start()`, or service.start_sync(), waits")
            raise Closed("the service was not started: `await service.start()`, or service.start_sync()")
        return self._run

    def _current(self) -> _Run:
        run = self._last()
        if run.stopped:
            raise Closed("the service was stopped: `await service.start()`, or service.start_sync(), starts it again")
        return run


async def _ask(run: _Run, request: _Request, arrays: Tuple[Any, ...], gate: _Gate, called: float,
               timeout: Optional[float]) -> Tuple[_Reply, float]:
    """One request from the gate to its reply, and how long it was held back."""
    deadline = None if timeout is None or timeout == math.inf else called + timeout
    run.sweep()
    await gate.enter(deadline)
    try:
        pending = _Pending(arrays, gate)
        held_s = time.monotonic() - called
        if timeout is not None:
            if held_s >= timeout:
                raise Timeout(f"{gate.model}: the deadline passed already: a timeout of {timeout:g} s")
            request.timeout_ms = (timeout - held_s) * 1e3
        run.room().submit(run.service, request, pending)
    except BaseException:
        gate.leave()
        raise
    try:
        return await pending.reply, held_s * 1e3
    except BaseException as error:
        run.cancel(pending)
        while isinstance(error, asyncio.CancelledError) and not pending.settled:
            pending.reply = asyncio.get_running_loop().create_future()  # the other one is cancelled
            try:
                await pending.reply  # comes soon: its image is being read at most
            except asyncio.CancelledError:
                pass  # that is why it waits
        raise


async def _gather(coroutines: List[Coroutine[Any, Any, Result]], return_exceptions: bool) -> List[Any]:
    """asyncio.gather, but that nothing is left under way where one fails: nobody would hear of it."""
    tasks = [_context().run(asyncio.ensure_future, one) for one in coroutines]
    try:
        return list(await asyncio.gather(*tasks, return_exceptions=return_exceptions))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _in_thread(work: Callable[..., None], *arguments: Any) -> "concurrent.futures.Future[None]":
    """On a thread of its own: what takes long must not use up the loop's executor."""
    future: "concurrent.futures.Future[None]" = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=_context().run, args=(run,), name="batchtune", daemon=True).start()
    return future


async def _in_executor(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, _context().run, work, *arguments)


# ---- for threads without an event loop ----

_Value = TypeVar("_Value")
_loops: Dict[int, asyncio.AbstractEventLoop] = {}  # by forks; closing a parent's would take it from the parent
_loops_lock = threading.Lock()


def _own_loop() -> asyncio.AbstractEventLoop:
    """The module's own loop, whose thread runs as long as the process."""
    with _loops_lock:
        if _forks not in _loops:
            _loops[_forks] = asyncio.SelectorEventLoop()
            threading.Thread(target=_loops[_forks].run_forever, name="batchtune-loop", daemon=True).start()
        return _loops[_forks]


def _wait(name: str, method: Callable[..., Coroutine[Any, Any, _Value]], *arguments: Any, **options: Any) -> _Value:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise LoopRunning(f"{name}_sync would stop the event loop that runs in this thread (a notebook has one, too): "
                          f"write `await service.{name}(...)`" + ("" if name == "infer" else ", or `async with`"))
    future = _context().run(asyncio.run_coroutine_threadsafe, method(*arguments, **options), _own_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C; nothing where it has ended
        raise


# ---- one for the process ----

_production: Optional[Service] = None
_production_options: Tuple[Any, ...] = ()
_production_lock = threading.Lock()


def get_production_service(config: Union[str, "os.PathLike[str]", None] = None,
                           models: Union[str, List[str], None] = None, settings: Settings = None,
                           library: Optional[str] = None, image_size: Optional[int] = None) -> Service:
    """The process's one service, made at the first call with the options that Service explains. Later calls need
    name none; InvalidRequest where they name others."""
    global _production, _production_options
    options = (config, models, settings, library, image_size)
    with _production_lock:
        if _production is None:
            _production, _production_options = Service(*options), options
        elif options not in (_production_options, (None, None, None, None, None)):
            raise InvalidRequest(f"the process's service has other options already: {_production_options}; "
                                 f"batchtune.Service(...) makes another one")
        return _production


get_optimized_service = get_production_service


# ---- processes that end or fork ----

_running: Set[_Run] = set()  # to be stopped before the arrays that they write to go away
_forks = 0
_orphaned = False


def _stop_all() -> None:
    for run in list(_running):
        try:
            run.stop(0)
        except BatchtuneError:
            pass  # some requests were given up, and nobody is left to hear of it


def _forked() -> None:
    """In the child: of the parent's service only the memory is here, and none of it may be touched."""
    global _forks, _orphaned, _production_lock, _loops_lock
    _forks += 1
    _orphaned = _orphaned or _Run.ever
    _production_lock = threading.Lock()
    _loops_lock = threading.Lock()
    _running.clear()


def _check_process() -> None:
    if _orphaned:
        raise Closed("this process was forked from one that had started the service, whose threads do not survive "
                     "that: start it after the fork only, or use multiprocessing's \"spawn\"")


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_forked)
