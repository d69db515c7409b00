"""The Python module over the simulated backend, and over a real network where there is a plan: every coroutine one
answer, its own, whatever happens meanwhile.

    tests/run python          with a Python that has numpy (PYTHON=..., python3 or /usr/bin/python3)

Nothing here depends on how fast the machine is: times are only waited for, never judged."""

import asyncio
import contextlib
import ctypes
import datetime
import gc
import importlib
import io
import json
import logging
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import warnings
import weakref
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("O", "build")
sys.path[:0] = [str(ROOT / "shim" / "python"), str(ROOT / "tests" / "lib")]
os.environ["BATCHTUNE_LIBRARY"] = str(BUILD / "lib" / "libbatchtune.so.0")

import batchtune  # noqa: E402
import tap  # noqa: E402

SCRATCH = tempfile.TemporaryDirectory(prefix="batchtune-python-")
FAST = "sim:tau0_ms=0.5,alpha_ms=0.05,noise=0,echo=true"
SLOW = "sim:tau0_ms=100,alpha_ms=0,noise=0,echo=true"
STUCK = "sim:tau0_ms=0,alpha_ms=0,noise=0,echo=true,faults=stall@3:600000"  # by batches of one, see `stuck`


def config(backend, batch_size=8, image_size=16, workload="simulated"):
    """A config's file, as optimize-batch would write it."""
    path = os.path.join(SCRATCH.name, f"{abs(hash((backend, batch_size, image_size, workload)))}.json")
    entry = {"optimal_batch_size": batch_size, "image_size": image_size}
    with open(path, "w") as out:
        json.dump({"schema_version": 1, "workload": workload,
                   "settings": {"backend": backend, "max_queue_delay_ms": 1},
                   "configurations": {"hrnet": entry, "cbam_resunet": entry}}, out)
    return path


def service(backend=FAST, settings=None, **about):
    return batchtune.Service(config(backend, **about), settings=settings)


@contextlib.asynccontextmanager
async def running(*arguments, **about):
    made = service(*arguments, **about)
    await made.start()
    try:
        yield made
    finally:
        with contextlib.suppress(batchtune.Timeout):
            await made.stop(0 if "stall" in str(arguments) else 10)


def stuck(**settings):
    """Over STUCK: a first request that never ends."""
    return {"batch_size": 1, "admission": False, "watchdog_ms": 600000, **settings}


def gray(value, height=3, width=5):
    return np.full((height, width, 3), value, np.uint8)


def echo_of(value):
    """The probability that the simulated backend makes of an image of one gray."""
    logit = sum((value / 255 - mean) / spread
                for mean, spread in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))) / 3
    return 1 / (1 + math.exp(-logit))


def waiting(condition):
    """Waits for it between a generator's steps; a test that waits in vain is to fail and not to hang."""
    end = time.monotonic() + 120
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("this never came")
        yield


async def until(condition):
    for _ in waiting(condition):
        await asyncio.sleep(0.002)


def wait_until(condition):
    for _ in waiting(condition):
        time.sleep(0.002)


class Libraries(unittest.TestCase):
    def test_structs_lie_where_C_has_them(self):
        program = subprocess.run([str(BUILD / "tests" / "struct-layouts")], stdout=subprocess.PIPE, check=True)
        declared = []
        for name, struct in batchtune._STRUCTS.items():
            declared.append(f"{name} {ctypes.sizeof(struct)}")
            for member, _ in struct._fields_:
                at = getattr(struct, member)
                declared.append(f"{name}.{member} {at.offset} {at.size}")
        self.assertEqual(program.stdout.decode().splitlines(), declared)

    def test_the_version_is_the_librarys(self):
        self.assertEqual((ROOT / "VERSION").read_text().strip(), batchtune.__version__)

    def refuse(self, path, says):
        with self.assertRaises(ImportError) as caught:
            batchtune.Service(library=path)
        self.assertIsInstance(caught.exception, batchtune.LibraryError)
        self.assertRegex(str(caught.exception), says)
        self.assertNotIn("\n", str(caught.exception))

    def test_a_missing_library_is_told_with_the_remedy(self):
        self.refuse("absent/libbatchtune.so.0",
                    "absent/libbatchtune.so.0 does not load.*make install.*BATCHTUNE_LIBRARY")

    def test_another_library_version_or_layout_is_refused(self):
        path = os.path.join(SCRATCH.name, "libother.so")
        compiler = os.environ.get("CC", "gcc").split()
        subprocess.run(compiler + ["-shared", "-o", path, "-xc", "-"], input=b"int other;", check=True)
        self.refuse(path, "is no batchtune of this module's version")
        real = os.environ["BATCHTUNE_LIBRARY"]
        version, batchtune.__version__ = batchtune.__version__, "9.9.9"
        try:
            self.refuse(real, "is version .*, this module 9.9.9")
        finally:
            batchtune.__version__ = version
        struct, batchtune._STRUCTS["bt_request"] = batchtune._STRUCTS["bt_request"], ctypes.c_int
        try:
            self.refuse(real, "has another bt_request")
        finally:
            batchtune._STRUCTS["bt_request"] = struct


class Images(unittest.TestCase):
    def same(self, image, expected):
        self.assertFalse(batchtune._is_plain(image))
        got = batchtune._to_rgb(image)
        self.assertTrue(batchtune._is_plain(got))
        np.testing.assert_array_equal(got, np.asarray(expected, np.uint8))

    def test_other_arrays_become_rgb_bytes(self):
        rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        plane = np.array([[0, 7], [128, 255]], np.uint8)
        three = np.stack([plane] * 3, axis=2)
        self.same(plane, three)
        self.same(plane[:, :, np.newaxis], three)
        self.same(rgb[:, ::2], np.ascontiguousarray(rgb[:, ::2]))
        self.same(rgb.transpose(1, 0, 2), np.ascontiguousarray(rgb.transpose(1, 0, 2)))
        self.same(plane / 255.0, three)
        self.same((three / 255).astype(np.float32), three)
        self.same(np.array([[0.5]], np.float16), [[[128] * 3]])
        self.same(plane.astype(np.uint16) * 257, three)
        with self.assertWarns(batchtune.RangeWarning):
            self.same(np.array([[128, 129]], np.uint16), [[[0] * 3, [1] * 3]])
        self.same(np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8),
                  [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]])

    def refuse(self, image, says, white=None):
        with self.assertRaisesRegex(batchtune.InvalidRequest, says) as caught:
            batchtune._to_rgb(image, white=white)
        self.assertNotIn("\n", str(caught.exception))

    def test_what_is_no_image_is_refused_with_what_would_be_right(self):
        self.refuse(np.zeros((4, 8, 5), int), "image is 4 x 8 x 5, channels first: ")
        self.refuse(np.zeros((2, 8, 5), np.uint8), "2 x 8 x 5: it has height x width pixels of 1, 3 or 4 channels")
        self.refuse(np.zeros(7, np.uint8), "image is 7: it has")
        for shape, said in (((0, 384), "0 x 384"), ((0, 4, 3), "0 x 4 x 3"), ((3, 0, 0), "3 x 0 x 0"), (0, "0"),
                            ((2, 0, 8, 3), "2 x 0 x 8 x 3")):
            for dtype in (np.uint8, object):
                self.refuse(np.zeros(shape, dtype), f"^image is {said}: it is empty$")
        self.refuse(np.array(1.0), "one number")
        self.refuse(np.zeros((1, 2, 3, 4, 5)), "1 x 2 x 3 x 4 x 5: it has")
        self.refuse(np.zeros((1, 2, 8, 7)), "1 x 2 x 8 x 7: it has")
        self.refuse(np.full((2, 2), 255.0), "from 0 to 1, not 255 to 255: scale it, or give uint8")
        self.refuse(np.array([[0.5, math.nan]]), "image holds values that are no numbers")
        self.refuse(np.array([[0, 70000]], np.int64),
                    "image is of int64: give uint8, .* white of its 0 to 70000, such as white=70000")
        self.refuse(np.zeros((2, 2), np.uint32), "image is of uint32: give uint8")
        self.refuse(np.zeros((2, 2), bool), r"image is of bool: give image.astype\(numpy.uint8\) \* 255")
        self.refuse(np.zeros((2, 2), complex), "image is of complex128: give uint8")
        self.refuse(np.full((2, 2), "a"), "image is of <U1: give uint8")
        self.refuse(np.zeros((2, 2), "u1,u1,u1"), "image is of .*: give uint8")
        self.refuse(np.array([gray(1), gray(2, 4)], object), "2 of Python's objects: several images are a list: give")
        self.refuse(np.full((2, 2), None), "image is of object: give uint8")
        self.refuse(np.ones((2, 2, 4)) * [1, 1, 1, 2], "image's alpha channel .* from 0 to 1, not 2 to 2")

    def test_another_type_is_named_with_what_makes_an_image_of_it(self):
        self.refuse("cell.png", r"^image is a str: give a numpy array, .*Pillow image, such as PIL.Image.open\(image\)")
        self.refuse(pathlib.Path("cell.png"), r"is a pathlib.*Path: .*PIL.Image.open\(image\)")
        self.refuse(b"png", r"is a bytes: .*PIL.Image.open\(io.BytesIO\(image\)\)")
        self.refuse(7, "^image is a int: give a numpy array, .* or a Pillow image; or a list of images$")
        self.refuse((one for one in ()), r"is a generator: several images are a list: give list\(image\)")
        self.refuse(None, "image is None, as OpenCV")
        for module, remedy in (("torch", "image.detach().cpu().numpy()"), ("cupy", "image.get()"),
                               ("xarray.core.dataarray", "numpy.asarray(image)"),
                               ("PIL.ImageFile", "such as numpy.asarray(image), or a Pillow image")):
            other = type("Picture", (), {"__module__": module, "__array__": None})
            self.refuse(other(), re.escape(f"image is a {module}.Picture: ") + ".*" + re.escape(remedy))

    def test_byte_order_and_layout_do_not_matter(self):
        values = np.random.default_rng(3).integers(0, 65536, (6, 8), np.uint16)
        with tempfile.NamedTemporaryFile(dir=SCRATCH.name) as file:
            for native in (values, np.stack([values, values.T[::-1].T, values // 2], 2), values / 65535,
                           (values / 65535).astype(np.float32), (values / 65535).astype(np.float16),
                           (values / 65535).astype(np.longdouble), (values >> 8).astype(np.uint8)):
                wanted = batchtune._to_rgb(native)
                big = native.astype(native.dtype.newbyteorder(">"))
                mapped = np.memmap(file.name, native.dtype.newbyteorder(">"), "w+", shape=native.shape)
                mapped[:] = native
                frozen = big.copy()
                frozen.flags.writeable = False
                for same in (big, native.astype(native.dtype.newbyteorder("<")), mapped, frozen, np.asfortranarray(big),
                             np.repeat(big, 2, 1)[:, ::2], big[::-1, ::-1].copy()[::-1, ::-1],
                             np.ma.MaskedArray(big), big.view(type("Other", (np.ndarray,), {}))):
                    np.testing.assert_array_equal(batchtune._to_rgb(same), wanted, f"{same.dtype} {same.strides}")
        np.testing.assert_array_equal(batchtune._to_rgb(np.matrix(values.astype(">u2"))), batchtune._to_rgb(values))

    def test_masked_values_are_not_read_as_if_they_were_there(self):
        for dtype in (np.uint8, ">u2"):
            image = np.ma.masked_greater(np.arange(12).reshape(2, 2, 3).astype(dtype), 7)
            self.assertFalse(batchtune._is_plain(image))
            self.refuse(image, r"^image is an array with 4 values masked: give image.filled\(0\)")

    def test_white_is_what_is_said_to_be(self):
        values = np.array([[0, 1000, 4095, 60000]])
        for dtype in (np.uint16, ">u2", np.int32, ">i8", np.uint32, np.float32, np.float64, ">f4"):
            got = batchtune._to_rgb(values.astype(dtype), white=4095)
            np.testing.assert_array_equal(got[0, :, 0], [0, 62, 255, 255], str(dtype))
        np.testing.assert_array_equal(batchtune._to_rgb(np.array([[0, 50, 100]], np.uint8), white=100)[0, :, 1],
                                      [0, 128, 255])
        rgba = np.array([[[4095, 0, 4095, 65535], [4095, 0, 4095, 0]]], np.uint16)  # opacity has a white of its own
        self.assertEqual(batchtune._to_rgb(rgba, white=4095).tolist(), [[[255, 0, 255], [255] * 3]])
        for white in (0, -1, math.nan, math.inf, "4095", True, [4095], np.array([1])):
            self.refuse(values.astype(np.uint16), "^white is ", white)
        self.refuse(values.astype(np.uint16), "white is 70000, beyond what uint16 holds: give at most 65535", 70000)
        self.refuse(values.astype(np.uint8), "white is 300, beyond what uint8 holds", 300)
        self.refuse(np.array([[-1, 5]]), "image holds values below 0, down to -1", 255)
        self.refuse(np.zeros((2, 2, 4), int), "alpha channel, of which nobody knows what is opaque", 255)
        self.refuse(np.array([[math.inf]]), "no numbers", 5)
        self.refuse(np.zeros((2, 2), bool), "image is of bool", 5)

    def test_sixteen_bits_of_which_few_are_used_are_warned_of(self):
        dark = np.array([[0, 4000]], ">u2")
        with self.assertWarnsRegex(batchtune.RangeWarning, "less than a sixteenth .* white=4095"):
            batchtune._to_rgb(dark)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            batchtune._to_rgb(dark, white=4095)
            batchtune._to_rgb(dark, white=65535)
            batchtune._to_rgb(np.array([[0, 4096]], np.uint16))
            batchtune._to_rgb(np.zeros((2, 2), np.uint16))

    def test_the_white_that_is_proposed_is_the_next_of_the_usual_depths(self):
        for greatest, white in ((204, 255), (255, 255), (256, 1023), (1023, 1023), (4000, 4095), (4096, 16383),
                                (60000, 65535), (65535, 65535), (70000, 70000), (12, 12)):
            values = np.array([[2, greatest]])
            for dtype in (np.int32, np.uint32, np.int64, np.float32, np.float64):
                self.refuse(values.astype(dtype), f"say what is white.*[ :]white={white}$")
        self.refuse(np.array([[0, 1.25]]), "say what is white: white=1.25$")
        for least, greatest, white in ((2, 204, 255), (0, 1000, 1023), (0, 4095, 4095), (9000, 12000, 16383)):
            with self.assertWarnsRegex(batchtune.RangeWarning, f": white={white} .*otherwise, and white=65535 that it "):
                batchtune._to_rgb(np.array([[least, greatest]], np.uint16))
        with self.assertWarnsRegex(batchtune.RangeWarning, ": white=65535 says that it is meant$"):
            batchtune._to_rgb(np.array([[60000, 60500]], np.uint16))

    def test_the_transpose_that_is_told_makes_it_right(self):
        for shape in ((3, 8, 9), (1, 8, 9), (1, 3, 8, 9), (1, 1, 8, 9), (1, 8, 9, 3), (5, 3, 8, 9), (5, 8, 9, 3)):
            image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
            with self.assertRaises(batchtune.InvalidRequest) as caught:
                batchtune._to_rgb(image)
            said = re.search(r"give (.*?)(, which|$)", str(caught.exception)).group(1)
            right = eval(said, {"image": image})
            for one in right if isinstance(right, list) else [right]:
                self.assertEqual(batchtune._to_rgb(one).shape, (8, 9, 3), said)
            self.assertEqual(len(right), 5 if shape[0] == 5 else 8, said)


class Pillow(unittest.TestCase):
    """Images of Pillow's, by what their modes mean. Each has a red, a green, a black and a white pixel."""

    RGB = [[[255, 0, 0], [0, 128, 0], [0, 0, 0], [255, 255, 255]]]
    GRAY = [[[76] * 3, [75] * 3, [0] * 3, [255] * 3]]  # as Pillow weighs colours

    @classmethod
    def setUpClass(cls):
        try:
            from PIL import Image
        except ImportError as error:
            raise unittest.SkipTest(str(error))
        cls.Image = Image

    def made(self, mode="RGB"):
        return self.Image.fromarray(np.array(self.RGB, np.uint8)).convert(mode)

    def same(self, image, expected, near=0):
        got = batchtune._to_rgb(image)
        self.assertTrue(batchtune._is_plain(got))
        np.testing.assert_allclose(got.astype(int), expected, atol=near)

    def refuse(self, image, says):
        with self.assertRaisesRegex(batchtune.InvalidRequest, says) as caught:
            batchtune._to_rgb(image)
        self.assertNotIn("\n", str(caught.exception))

    def test_every_mode_is_read_as_what_it_means_or_refused(self):
        for mode in ("RGB", "RGBA", "RGBX", "RGBa"):
            self.same(self.made(mode) if mode != "RGBa" else self.made("RGBA").convert(mode), self.RGB)
        self.same(self.made().quantize(4), self.RGB)  # a palette
        self.same(self.made().quantize(4).convert("PA"), self.RGB)
        self.same(self.made("YCbCr"), self.RGB, 3)
        self.same(self.made("HSV"), self.RGB, 3)
        self.same(self.made("L"), self.GRAY)
        self.same(self.made("LA"), self.GRAY)
        self.same(self.made("LA").convert("La"), self.GRAY)
        self.same(self.Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1"), [[[0] * 3, [255] * 3]])
        self.refuse(self.made("CMYK"), "image is a Pillow image of mode 'CMYK', whose colours need .*ImageCms")
        self.refuse(self.Image.new("LAB", (2, 2)), "of mode 'LAB'")
        self.refuse(self.made("I"), "image is of int32: give .* white of its 0 to 255")
        self.refuse(self.made("F"), "image is of float32, which holds values from 0 to 1, not 0 to 255")
        self.assertEqual(batchtune._to_rgb(self.made("F"), white=255).tolist(), self.GRAY)
        self.assertEqual(batchtune._to_rgb(self.made("I"), white=255).tolist(), self.GRAY)

    def test_sixteen_bits_are_scaled_and_not_cut(self):
        for mode in ("I;16", "I;16L", "I;16B"):
            image = self.Image.new(mode, (2, 1), 25700)
            image.putpixel((1, 0), 65535)
            self.same(image, [[[100] * 3, [255] * 3]])

    def test_what_is_transparent_is_white(self):
        clear = self.made("RGBA")
        clear.putpixel((0, 0), (255, 0, 0, 0))
        self.same(clear, [[[255] * 3] + self.RGB[0][1:]])
        palette = self.made().quantize(4)
        palette.info["transparency"] = palette.getpixel((0, 0))
        self.same(palette, [[[255] * 3] + self.RGB[0][1:]])
        for mode, colour in (("RGB", (255, 0, 0)), ("L", 76)):
            keyed = self.made(mode)
            keyed.info["transparency"] = colour
            self.same(keyed, [[[255] * 3] + (self.RGB if mode == "RGB" else self.GRAY)[0][1:]])
        keyed = self.Image.new("I;16", (2, 2), 500)
        keyed.info["transparency"] = 500
        self.refuse(keyed, "of mode 'I;16' with a transparent value")

    def opened(self, image, form, **how):
        file = io.BytesIO()
        image.save(file, form, **how)
        return self.Image.open(file)

    def test_a_file_is_read_when_it_is_needed_and_a_broken_one_is_told(self):
        self.same(self.opened(self.made(), "PNG"), self.RGB)
        self.same(self.opened(self.made().quantize(4), "PNG"), self.RGB)
        deep = self.Image.fromarray(np.array([[0, 25700, 65535]], np.uint16))
        self.same(self.opened(deep, "TIFF"), [[[0] * 3, [100] * 3, [255] * 3]])
        file = io.BytesIO()
        self.Image.effect_noise((64, 64), 50).save(file, "PNG")
        self.refuse(self.Image.open(io.BytesIO(file.getvalue()[:900])), "image cannot be read by Pillow: ")

    def test_one_that_is_to_be_turned_is_refused_with_what_turns_it(self):
        exif = self.Image.Exif()
        exif[0x0112] = 6
        turned = self.opened(self.made(), "PNG", exif=exif)
        with self.assertRaises(batchtune.InvalidRequest) as caught:
            batchtune._to_rgb(turned)
        import PIL.ImageOps
        remedy = re.search(r"give (PIL\.ImageOps.*?\(image\)),", str(caught.exception)).group(1)
        self.same(eval(remedy, {"PIL": PIL, "image": turned}), np.array(self.RGB).transpose(1, 0, 2))
        exif[0x0112] = 1
        self.same(self.opened(self.made(), "PNG", exif=exif), self.RGB)

    def pages(self, form="TIFF"):
        pages = [self.Image.new("L", (2, 1), value) for value in (10, 20, 30)]
        return self.opened(pages[0], form, save_all=True, append_images=pages[1:])

    def told(self, image):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            got = batchtune._to_rgb(image)
        return got[0, 0, 0], [(one.category, str(one.message)) for one in caught]

    def test_several_pages_are_told_of_where_nobody_chose_one(self):
        said = "page 1 of 3 is taken; image.seek(n) takes another"
        for form in ("TIFF", "GIF"):
            image = self.pages(form)
            value, ((category, text),) = self.told(image)
            self.assertEqual((value, category), (10, batchtune.PageWarning))
            self.assertIn(said, text)
            self.assertEqual(image.tell(), 0)
            image.seek(1)
            self.assertEqual(self.told(image), (20, []))
            self.assertEqual(self.told(self.pages(form).copy()), (10, []))
        self.assertEqual(self.told(self.opened(self.made("L"), "TIFF")), (76, []))
        for form in ("TIFF", "GIF"):
            drawn_on = self.pages(form)
            drawn_on.putpixel((0, 0), 20)  # in a GIF's palette, that is black
            wanted = drawn_on.convert("RGB").getpixel((0, 0))[0]
            self.assertNotEqual(wanted, 10)
            self.assertEqual(self.told(drawn_on)[0], wanted)

    def test_a_later_page_that_is_broken_does_not_matter(self):
        image = self.pages()
        with unittest.mock.patch.object(type(image), "n_frames", property(lambda image: 1 // 0)):
            value, ((_, text),) = self.told(image)
        self.assertEqual(value, 10)
        self.assertIn("page 1 of several is taken", text)

    def test_one_image_many_times_in_a_list_is_one_page_each_time(self):
        pages = [self.Image.new("L", (200, 100), value) for value in range(100)]
        with warnings.catch_warnings(), service() as s:
            warnings.simplefilter("ignore", batchtune.PageWarning)
            for _ in range(5):
                image = self.opened(pages[0], "TIFF", save_all=True, append_images=pages[1:])
                for one in s.infer_sync([image] * 16, "hrnet"):
                    np.testing.assert_allclose(one.probabilities, echo_of(0), atol=1e-5)

    def test_pages_are_told_of_once(self):
        with warnings.catch_warnings(record=True) as caught, service() as s:
            warnings.simplefilter("default")
            image = self.pages()
            for _ in range(3):
                s.infer_sync([image, image], "hrnet")
        self.assertEqual([one.category for one in caught], [batchtune.PageWarning])

    def test_the_service_takes_them_alone_and_in_lists(self):
        with service() as s:
            big = self.Image.new("I;16B", (5, 3), 65535)
            native = np.full((3, 5), 65535, np.uint16)
            for one in s.infer_sync([big, native, native.astype(">u2"), np.asarray(big)], "hrnet"):
                self.assertEqual(one.mask.tolist(), [[1] * 5] * 3)
            dark = s.infer_sync(self.Image.new("L", (5, 3), 40), "hrnet", white=40)
            np.testing.assert_allclose(dark.probabilities, echo_of(255), atol=1e-5)


class Requests(unittest.IsolatedAsyncioTestCase):
    async def test_a_result_has_pictures_and_says_how_it_came(self):
        async with running() as s:
            result = await s.infer(image=gray(255), model_name="hrnet", threshold=0.5, timeout=60.0)
            self.assertEqual(result.mask.tolist(), [[1] * 5] * 3)
            self.assertEqual((result.mask.dtype, result.probabilities.dtype), (np.uint8, np.float32))
            np.testing.assert_allclose(result.probabilities, echo_of(255), atol=1e-5)
            self.assertIs(result["mask"], result.mask)
            with self.assertRaises(KeyError):
                result["masks"]
            about = result.metadata
            self.assertEqual((about["inference_mode"], about["batch_size"], about["model_name"]),
                             ("production_optimized", 1, "hrnet"))
            self.assertEqual(about["input_size"], (16, 16))
            self.assertGreater(about["p95_latency_ms"], 0)
            self.assertGreaterEqual(about["latency_ms"], about["service_ms"])
            dark = await s.infer(gray(0), "cbam_resunet", threshold=0.5, probabilities=False, standard_path=True)
            self.assertEqual((dark.mask.max(), dark.probabilities), (0, None))
            self.assertEqual(dark.inference_mode, "standard_fallback")
            edge = await s.infer(gray(0), "hrnet", threshold=echo_of(0) - 0.01)
            self.assertEqual(edge.mask.min(), 1)

    async def test_a_model_of_several_classes_gives_each_pixels_class(self):
        async with running(FAST + ",classes=3") as s:
            dark, light = await s.infer([gray(0), gray(255)], "hrnet")
            self.assertEqual((dark.labels.shape, dark.labels.dtype), ((3, 5), np.uint8))
            self.assertEqual((dark.labels.tolist(), light.labels.tolist()), ([[0] * 5] * 3, [[2] * 5] * 3))
            self.assertIsNone(dark.class_probabilities)
            self.assertNotIn("labels", dark.metadata)
            self.assertIsNone((await s.infer(gray(0), "hrnet", labels=False)).labels)
            logit = math.log(echo_of(140) / (1 - echo_of(140)))
            wanted = np.exp([0, logit, 2 * logit]) / np.exp([0, logit, 2 * logit]).sum()
            result = await s.infer(gray(140), "hrnet", class_probabilities=True)
            self.assertEqual((result.class_probabilities.shape, result.class_probabilities.dtype), ((3, 3, 5), np.float32))
            np.testing.assert_allclose(result.class_probabilities[:, 1, 2], wanted, atol=1e-4)
            np.testing.assert_allclose(result.probabilities, wanted[1:].sum(), atol=1e-4)
            self.assertEqual(s.models["hrnet"].class_count, 3)
            self.assertEqual(s.classes("hrnet")[1], ("class 1", (230, 159, 0)))
            self.assertEqual([one.name for one in s.classes("hrnet")], ["class 0", "class 1", "class 2"])
            with self.assertRaisesRegex(batchtune.InvalidRequest, "no model is called 'other'"):
                s.classes("other")

    async def test_labels_of_one_class_are_its_mask_where_they_are_asked_for(self):
        async with running() as s:
            self.assertIsNone((await s.infer(gray(255), "hrnet")).labels)
            result = await s.infer(gray(255), "hrnet", labels=True, class_probabilities=True)
            self.assertEqual(result.labels.tolist(), result.mask.tolist())
            np.testing.assert_array_equal(result.class_probabilities, result.probabilities[None])
            self.assertEqual(s.models["hrnet"].class_count, 1)

    async def test_a_ready_tensor_gives_what_its_picture_gives_and_logits_come_as_they_are(self):
        async with running() as s:
            picture = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
            ready = ((picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)
            of_picture = await s.infer(picture, "hrnet", logits=True)
            self.assertIsNone((await s.infer(picture, "hrnet")).logits)
            self.assertEqual((of_picture.logits.shape, of_picture.logits.dtype), ((16, 16), np.float32))
            np.testing.assert_allclose(of_picture.logits, ready.mean(), atol=1e-4)
            self.assertEqual((await s.infer(gray(9), "hrnet", logits=True)).logits.shape, (16, 16))
            for kind, within in (np.float32, 1e-5), (np.float16, 1e-3), (">f4", 1e-5):
                of_tensor = await s.infer(ready.astype(kind), "hrnet", ready=True, logits=True, priority=1)
                np.testing.assert_allclose(of_tensor.logits, of_picture.logits, atol=within)
                np.testing.assert_array_equal(of_tensor.mask, of_picture.mask)
            both = await s.infer([ready.astype(np.float32)] * 2, "hrnet", ready=True)
            np.testing.assert_array_equal(both[0].mask, both[1].mask)
            self.assertNotIn("logits", both[0].metadata)
            for says, image, about in (
                    ("a tensor of 8 x 16: hrnet takes 16 x 16 ones", np.zeros((3, 16, 8), np.float32), {}),
                    ("image: a ready tensor is an array of 3 x height x width, not 16 x 16 x 3",
                     np.zeros((16, 16, 3), np.float32), {}),
                    ("image: a ready tensor is of float32 or float16, not float64", ready, {}),
                    ("image: a ready tensor is an array of 3 x height x width, not str", "picture.png", {}),
                    ("white is for pictures", ready.astype(np.float32), {"white": 4095})):
                with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                    await s.infer(image, "hrnet", ready=True, **about)

    async def test_a_thousand_coroutines_get_a_thousand_answers_each_its_own(self):
        async with running() as s:
            async def ask(i):
                result = await s.infer(gray(i % 256), ("hrnet", "cbam_resunet")[i % 2])
                return abs(float(result.probabilities[2, 4]) - echo_of(i % 256)) < 1e-5

            self.assertEqual(sum(await asyncio.gather(*[ask(i) for i in range(1000)])), 1000)
            metrics = s.get_metrics()
            for model in ("hrnet", "cbam_resunet"):
                self.assertEqual((metrics[model]["submitted"], metrics[model]["ok"]), (500, 500))
                self.assertEqual(metrics[model]["rejected_full"], 0)  # 500 at once, a queue of 100

    async def test_a_plain_array_goes_to_the_library_as_it_is(self):
        async with running() as s:
            seen = []
            submit = s._library.bt_inbox_submit

            def spy(inbox, handle, request, *others):
                seen.append(request._obj.image)
                return submit(inbox, handle, request, *others)

            s._library.bt_inbox_submit = spy
            try:
                plain, sliced = gray(9), gray(9, 6)[::2]
                await s.infer(plain, "hrnet")
                await s.infer(sliced, "hrnet")
            finally:
                s._library.bt_inbox_submit = submit
            self.assertEqual(seen[0], plain.ctypes.data)
            self.assertNotEqual(seen[1], sliced.ctypes.data)

    async def test_arrays_live_until_the_answer_and_no_longer(self):
        async with running(SLOW, {"batch_size": 1}) as s:
            image = gray(200)
            alive = weakref.ref(image)
            first = asyncio.ensure_future(s.infer(gray(0), "hrnet"))
            second = asyncio.ensure_future(s.infer(image, "hrnet"))
            del image
            await until(lambda: s.get_metrics()["hrnet"]["submitted"] == 2)
            gc.collect()
            self.assertTrue(alive() is not None or second.done())
            np.testing.assert_allclose((await second).probabilities, echo_of(200), atol=1e-5)
            await first
            del first, second
            gc.collect()
            self.assertIsNone(alive())

    async def test_metrics_have_the_known_keys_and_nan_where_nothing_was_seen(self):
        s = service()
        with self.assertRaisesRegex(batchtune.Closed, "was not started"):
            s.get_metrics()
        await s.start()
        await s.infer(gray(1), "hrnet")
        metrics = s.get_metrics()
        self.assertGreater(metrics["hrnet"]["p95_latency_ms"], 0)
        self.assertGreater(metrics["hrnet"]["throughput_imgs_per_sec"], 0)
        self.assertTrue(math.isnan(metrics["cbam_resunet"]["p95_latency_ms"]))
        self.assertIn('batchtune_requests_total{model="hrnet",outcome="ok"} 1\n', s.get_prometheus_metrics())
        await s.stop()
        self.assertEqual(s.get_metrics()["hrnet"]["ok"], 1)

    async def test_promtool_finds_nothing_to_say_of_the_metrics(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool (Debian's prometheus) is not installed")
        async with running(settings="p95_sla_ms=210.3") as s:
            for asked in (0, 40):
                await asyncio.gather(*[s.infer(gray(1), "hrnet") for _ in range(asked)])
                page = s.get_prometheus_metrics()
                said = subprocess.run([promtool, "check", "metrics"], input=page.encode(), stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
                self.assertEqual((said.returncode, said.stdout.decode()), (0, ""))
                for name in ("latency_seconds_count", "request_latency_seconds_count",
                             'request_latency_seconds_bucket{model="hrnet",le="+Inf"}'):
                    name = name if "{" in name else name + '{model="hrnet"}'
                    self.assertIn(f"\nbatchtune_{name} {asked}\n", page)
                self.assertRegex(page, r'\nbatchtune_requests_within_sla_total\{model="hrnet"\} \d+\n')
            bounds = re.findall(r'_bucket\{model="hrnet",le="(.*?)"', page)
            s.set("p95_sla_ms=80.9")  # replicas are summed by their bounds: no promise moves them
            self.assertEqual(re.findall(r'_bucket\{model="hrnet",le="(.*?)"', s.get_prometheus_metrics()), bounds)

    async def test_settings_change_while_it_runs(self):
        async with running(settings="max_queue_size=50") as s:
            s.set({"max_queue_size": 5, "batch_size": 2}, "hrnet")
            metrics = s.get_metrics()
            self.assertEqual((metrics["hrnet"]["queue_limit"], metrics["cbam_resunet"]["queue_limit"]), (5, 50))
            await asyncio.gather(*[s.infer(gray(1), "hrnet") for _ in range(40)])
            self.assertEqual(s.get_metrics()["hrnet"]["rejected_full"], 0)
            with self.assertRaisesRegex(batchtune.InvalidRequest, "bach_size"):
                s.set("bach_size=2")


class Deadlines(unittest.IsolatedAsyncioTestCase):
    async def test_a_deadline_is_told_wherever_it_passes(self):
        async with running(STUCK, stuck(max_queue_size=2)) as s:
            first = asyncio.ensure_future(s.infer(gray(1), "hrnet"))
            await until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 1)
            with self.assertRaisesRegex(batchtune.Timeout, "the deadline passed after .* in the queue"):
                await s.infer(gray(1), "hrnet", timeout=0.02)
            waits = asyncio.ensure_future(s.infer(gray(1), "hrnet"))
            await until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 2)
            with self.assertRaisesRegex(batchtune.Timeout, "while 2 requests were ahead"):
                await s.infer(gray(1), "hrnet", timeout=0.02)
            with self.assertRaisesRegex(TimeoutError, "passed already: a timeout of 0 s"):
                await s.infer(gray(1), "cbam_resunet", timeout=0)
            with self.assertRaises(asyncio.TimeoutError):
                await s.infer(gray(1), "cbam_resunet", timeout=-1)
            self.assertEqual(s.get_metrics()["hrnet"]["submitted"], 3)  # the one held back was not
            first.cancel()
            waits.cancel()
            await asyncio.wait((first, waits))

    async def test_the_time_held_back_counts(self):
        async with running(SLOW, {"batch_size": 1, "max_queue_size": 1}) as s:
            results = await asyncio.gather(*[s.infer(gray(1), "hrnet", timeout=math.inf) for _ in range(3)])
            self.assertGreaterEqual(results[2].held_ms, 100)  # at least while the second ran
            late = await asyncio.gather(*[s.infer(gray(1), "hrnet", timeout=0.15) for _ in range(8)],
                                        return_exceptions=True)
            self.assertGreaterEqual(sum(isinstance(one, batchtune.Timeout) for one in late), 7)


class Cancelling(unittest.IsolatedAsyncioTestCase):
    async def test_cancelled_coroutines_end_wherever_they_are_and_give_their_places_back(self):
        async with running(STUCK, stuck(max_queue_size=3)) as s:
            image = gray(1)
            alive = weakref.ref(image)
            tasks = [asyncio.ensure_future(s.infer(image, "hrnet")) for _ in range(6)]  # 1 runs, 2 wait, 3 held back
            del image
            await until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 3)
            for task in reversed(tasks):
                task.cancel()
            await asyncio.wait(tasks)
            self.assertTrue(all(task.cancelled() for task in tasks))
            self.assertEqual(s.get_metrics()["hrnet"]["cancelled"], 3)
            self.assertEqual(s._run.gates["hrnet"]._inside, 0)
            del tasks, task
            gc.collect()
            self.assertIsNone(alive())

    async def test_a_place_that_is_freed_goes_to_the_next(self):
        async with running(SLOW, {"batch_size": 1, "max_queue_size": 2}) as s:
            tasks = [asyncio.ensure_future(s.infer(gray(1), "hrnet")) for _ in range(5)]
            await until(lambda: s.get_metrics()["hrnet"]["submitted"] >= 2)
            for i in (0, 1, 3):
                tasks[i].cancel()
            self.assertEqual((await tasks[2]).mask.shape, (3, 5))
            self.assertEqual((await tasks[4]).mask.shape, (3, 5))

    async def test_a_coroutine_that_is_dropped_leaves_its_arrays_until_the_answer(self):
        async with running(STUCK, stuck()) as s:
            image = gray(1)
            alive = weakref.ref(image)
            coroutine = s.infer(image, "hrnet")
            coroutine.send(None)  # up to where it waits
            del image
            coroutine.close()
            del coroutine
            gc.collect()
            self.assertIsNotNone(alive())
            await until(lambda: alive() is None)
            self.assertEqual(s.get_metrics()["hrnet"]["cancelled"], 1)

    async def test_asyncio_may_time_it(self):
        async with running(STUCK, stuck()) as s:
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(s.infer(gray(1), "hrnet"), 0.05)
            self.assertEqual(s.get_metrics()["hrnet"]["cancelled"], 1)


class Lives(unittest.IsolatedAsyncioTestCase):
    async def test_stopping_answers_everyone_who_waits(self):
        s = service(STUCK, stuck(max_queue_size=20))
        await s.start()
        tasks = [asyncio.ensure_future(s.infer(gray(1), "hrnet")) for _ in range(50)]
        await until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 20)
        with self.assertRaisesRegex(batchtune.Timeout, "20 requests were not done .* and were given up"):
            await s.stop(drain=0)
        said = [str(one) for one in await asyncio.gather(*tasks, return_exceptions=True)
                if isinstance(one, batchtune.Closed)]
        self.assertEqual(said.count("hrnet: the service was stopped before the request was done"), 20)
        self.assertEqual(said.count("hrnet: the service was stopped before the request was let in"), 30)
        with self.assertRaisesRegex(batchtune.Closed, "was stopped: `await service.start"):
            await s.infer(gray(1), "hrnet")
        await s.stop()

    async def test_stopping_waits_for_what_is_under_way(self):
        s = service(SLOW, {"batch_size": 1})
        await s.start()
        tasks = [asyncio.ensure_future(s.infer(gray(1), "hrnet")) for _ in range(3)]
        await until(lambda: s.get_metrics()["hrnet"]["submitted"] == 3)
        await s.stop(drain=600)
        self.assertTrue(all(isinstance(one, batchtune.Result) for one in await asyncio.gather(*tasks)))

    async def test_it_starts_once_and_again_after_a_stop_without_leaving_descriptors(self):
        s = service()
        await asyncio.gather(*[s.start() for _ in range(20)])
        run = s._run
        await s.start()
        self.assertIs(s._run, run)
        del run
        counts = []
        for _ in range(4):
            await s.start()
            await s.infer(gray(1), "hrnet")
            await s.stop()
            await asyncio.sleep(0)
            gc.collect()
            counts.append(len(os.listdir("/proc/self/fd")))
        self.assertEqual(counts[1:], counts[:-1])

    async def test_a_start_that_fails_says_why_and_may_be_tried_again(self):
        s = batchtune.Service(os.path.join(SCRATCH.name, "absent.json"))
        with self.assertRaisesRegex(batchtune.ConfigError, "there is no config; `optimize-batch` makes one"):
            await s.start()
        with self.assertRaises(batchtune.ConfigError):
            await s.start()
        await s.stop()
        with self.assertRaisesRegex(batchtune.InvalidRequest, "bach_size"):
            await service(settings={"bach_size": 3}).start()
        with self.assertRaisesRegex(batchtune.InvalidRequest, "resnet"):
            await batchtune.Service(config(FAST), models=["resnet"]).start()

    async def test_the_settings_are_explained(self):
        self.assertRegex(batchtune.settings_help(), r"(?m)^  max_queue_size .*\n(.*\n)*  spin_us ")

    async def test_arguments_that_are_none_are_named_with_what_would_be_right(self):
        class Odd:
            def __float__(self):
                raise TypeError("not really")

        image, text = gray(1), "give a number between 0 and 1, such as 0.5"
        async with running() as s:
            for says, about in (
                    (r"^threshold is 'high' \(a str\): " + text, {"threshold": "high"}),
                    (f"^threshold is None: {text}", {"threshold": None}),
                    ("^threshold is True", {"threshold": True}),
                    ("^threshold is .*array", {"threshold": np.array([0.5])}),
                    ("^threshold is .*complex", {"threshold": 0.5 + 0j}), ("^threshold is ", {"threshold": Odd()}),
                    ("^threshold is ", {"threshold": np.bool_(False)}), ("^threshold is b'0.5'", {"threshold": b"0.5"}),
                    ("a threshold of nan is no probability", {"threshold": math.nan}),
                    ("a threshold of 1e-60 is no probability", {"threshold": 1e-60}),  # 0 as a float, which is 0.5 in C
                    ("a threshold of 1 is no probability", {"threshold": 1 - 1e-12}),
                    (r"^timeout is 'soon' \(a str\): give seconds, such as 10.0, or None", {"timeout": "soon"}),
                    ("^timeout is False", {"timeout": False}), ("^timeout is .*list", {"timeout": [1]}),
                    ("^timeout is .*timedelta", {"timeout": datetime.timedelta(seconds=1)}),
                    (r"^timeout is 1000.*\.\.\.", {"timeout": 10 ** 400}),
                    ("^probabilities is 'no'.*: give True or False", {"probabilities": "no"}),
                    ("^standard_path is None: give True or False", {"standard_path": None}),
                    ("^ready is 1", {"ready": 1}), ("^logits is None", {"logits": None}), ("^labels is 1", {"labels": 1}),
                    ("^class_probabilities is None", {"class_probabilities": None}),
                    (r"^priority is 4 .*: give 1 \(first\), 2 or 3 \(last\)", {"priority": 4}),
                    ("^priority is True", {"priority": True}), ("^priority is 1.0", {"priority": 1.0}),
                    ("^white is 'bright'", {"white": "bright"}),
                    ("^return_exceptions is 1 ", {"return_exceptions": 1}),
                    ("no model is called None here; there are: hrnet, cbam_resunet", {"model_name": None}),
                    ("no model is called b'hrnet' here", {"model_name": b"hrnet"}),
                    (r"no model is called \['hrnet'\] here", {"model_name": ["hrnet"]})):
                with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                    await s.infer(image, **{"model_name": "hrnet", **about})
            for good in ({"threshold": np.float32(0.5)}, {"threshold": np.array(0.5)}, {"timeout": np.int64(60)},
                         {"timeout": math.inf}, {"timeout": 1e300}, {"probabilities": np.bool_(False)}):
                self.assertEqual((await s.infer(image, "hrnet", **good)).mask.shape, (3, 5))
            for says, about in (
                    ("^min_area_px is 'all'", {"min_area_px": "all"}), ("^min_area_px is -1", {"min_area_px": -1}),
                    ("^min_area_px is nan", {"min_area_px": math.nan}), ("^threshold is", {"threshold": "0.5"}),
                    ("no model is called None", {"model_name": None}), ("^image_array is None", {"image_array": None})):
                with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                    await s.segment_image_optimized(**{"image_array": image, **about})
            for says, about in (
                    ("^model_name is 7 ", ("batch_size=2", 7)), ("^model_name is ''", ("batch_size=2", "")),
                    ("resnet", ("batch_size=2", "resnet")), ("^settings is 5 ", (5,)),
                    (r"^settings is \['a'\]", (["a"],)), (r"settings\['batch_size'\] is None", ({"batch_size": None},)),
                    (r"settings\['batch_size'\] is nan", ({"batch_size": math.nan},)),
                    (r"settings\['batch_size'\] is b'2'", ({"batch_size": b"2"},)),
                    ("^a key of settings is 3", ({3: 4},)), ("^a key of settings is 'a=1,b'", ({"a=1,b": 4},)),
                    ("batch_size", ({"batch_size": 2.5},)), ("timeout_ms", ({"timeout_ms": "soon"},)),
                    ("timeout_ms", ({"timeout_ms": "5,admission=false"},))):
                with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                    s.set(*about)
            s.set({"batch_size": np.int64(4), "timeout_ms": np.float32(2500)})
            s.set({}), s.set(None), s.set("")
            self.assertEqual((s.models["hrnet"].batch_size, s.models["hrnet"].timeout_ms), (4, 2500))
            for drain in ("10", None, math.nan, -1, True):
                with self.assertRaisesRegex(batchtune.InvalidRequest, "^drain is .*: give seconds"):
                    await s.stop(drain=drain)
            self.assertTrue(s.ready)
            await s.stop(drain=math.inf)

    def test_a_service_is_made_of_what_it_understands(self):
        for says, about in (
                ("^config is 7 ", {"config": 7}), ("^config is '' ", {"config": ""}),
                ("^config is b''", {"config": b""}), ("^config is .*dict", {"config": {}}),
                (r"^config is 'a\\x00b'", {"config": "a\0b"}),
                ("^models is empty: give a list", {"models": []}), ("^models is '' ", {"models": ""}),
                ("^models is 3 ", {"models": 3}), ("^models is b'hrnet'", {"models": b"hrnet"}),
                (r"^models\[1\] is None", {"models": ["hrnet", None]}),
                (r"^models\[0\] is ''", {"models": [""]}), ("^settings is 5 ", {"settings": 5}),
                ("^image_size is '128'", {"image_size": "128"}), ("^image_size is True", {"image_size": True}),
                (r"^image_size is \(64, 64\)", {"image_size": (64, 64)}),
                ("^image_size is 64.0 ", {"image_size": 64.0}),
                ("^library is 3 ", {"library": 3}), ("^library is ''", {"library": ""})):
            for make in (batchtune.Service, batchtune.get_production_service):
                with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                    make(**about)
        for says, about in (("image_size", {"image_size": -5}), ("image_size", {"image_size": 10 ** 9}),
                            ("resnet", {"models": ("hrnet", "resnet")}), ("resnet", {"models": "resnet"})):
            with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                batchtune.Service(**{"config": config(FAST), **about}).models
        path = config(FAST)
        for same in (pathlib.Path(path), path.encode()):
            self.assertEqual(list(batchtune.Service(same, models=iter(["hrnet"]), settings={}).models), ["hrnet"])
        with self.assertRaisesRegex(batchtune.ConfigError, "there is no config"):
            batchtune.Service(pathlib.Path(SCRATCH.name) / "absent.json").models
        with self.assertRaisesRegex(batchtune.InvalidRequest, "^library is 3 "):
            batchtune.settings_help(3)

    def test_settings_may_hold_commas(self):
        backend = "sim:tau0_ms=0.5,alpha_ms=0.05,noise=0,echo=true,standard_faults=fail%1"
        settings = {"backend": backend, "timeout_ms": 5e3, "warm_up": False}
        with batchtune.Service(config("sim"), models=["hrnet"], settings=settings) as s:
            self.assertEqual(s.models["hrnet"].timeout_ms, 5000)
            np.testing.assert_allclose(s.infer_sync(gray(200), "hrnet").probabilities, echo_of(200), atol=1e-5)
            with self.assertRaisesRegex(batchtune.BackendFailed, "on the standard path"):
                s.infer_sync(gray(1), "hrnet", standard_path=True)
        text = f'timeout_ms=7,backend="{backend}"'
        self.assertEqual(batchtune.Service(config("sim"), settings=text).models["hrnet"].timeout_ms, 7)
        two = batchtune.Service(config(FAST), settings={"instances": ["cpu:0", "cpu:0"]}).models
        self.assertEqual(two["hrnet"].instances, 2)
        self.assertEqual(batchtune._pairs({"weights": pathlib.Path("a,b.pt"), "admission": np.bool_(False)}),
                         'weights="a,b.pt",admission=false')

    def test_methods_say_when_they_are_called_too_early_or_too_late(self):
        s = service()
        for when in ("was not started", "was stopped"):
            for what in (lambda: s.infer_sync(gray(1), "hrnet"), lambda: s.infer_sync([gray(1)], "hrnet"),
                         lambda: s.set("batch_size=2")):
                with self.assertRaisesRegex(batchtune.Closed, when):
                    what()
            self.assertFalse(s.ready)
            s.stop_sync()  # nothing to do
            if when == "was not started":
                for what in (s.get_metrics, s.get_prometheus_metrics):
                    with self.assertRaisesRegex(batchtune.Closed, when):
                        what()
                s.start_sync()
                s.start_sync()
                s.stop_sync()
        self.assertEqual((s.get_metrics()["hrnet"]["ok"], list(s.models)), (0, ["hrnet", "cbam_resunet"]))

    async def test_bad_requests_are_told_what_is_wrong(self):
        async with running() as s:
            for says, arguments in (
                    ("no model is called 'resnet' here; there are: hrnet, cbam_resunet", (gray(1), "resnet")),
                    ("a threshold of 0 is no probability", (gray(1), "hrnet", 0)),
                    ("a threshold of 1.5 is no probability", (gray(1), "hrnet", 1.5)),
                    ("the timeout is not a number", (gray(1), "hrnet", 0.5, math.nan)),
                    ("1 to 16384", (gray(1, 1, 20000), "hrnet")),
                    ("channels", (np.zeros((4, 4, 5), np.uint8), "hrnet"))):
                with self.assertRaisesRegex(ValueError, says) as caught:
                    await s.infer(*arguments)
                self.assertIsInstance(caught.exception, batchtune.InvalidRequest)
            self.assertEqual(s._run.gates["hrnet"]._inside, 0)

    async def test_a_backend_that_fails_is_told(self):
        async with running(FAST + ",faults=fail@3-9", {"failover": False, "batch_size": 1}) as s:
            with self.assertRaisesRegex(batchtune.BackendFailed, "hrnet: the backend failed after 1 run"):
                await s.infer(gray(1), "hrnet")


class Lists(unittest.IsolatedAsyncioTestCase):
    async def test_a_lists_results_come_in_its_order(self):
        async with running() as s:
            results = await s.infer([gray(i, 2 + i % 3) for i in range(150)], "hrnet")
            for i, result in enumerate(results):
                np.testing.assert_allclose(result.probabilities, echo_of(i), atol=1e-5)
                self.assertEqual(result.mask.shape, (2 + i % 3, 5))
            self.assertEqual(await s.infer((), "hrnet"), [])

    async def test_a_lists_images_are_under_way_at_once(self):
        async with running(STUCK, stuck()) as s:
            everyone = asyncio.ensure_future(s.infer([gray(1)] * 9, "hrnet"))
            await until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 9)
            everyone.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await everyone
            self.assertEqual(s.get_metrics()["hrnet"]["cancelled"], 9)

    async def test_where_one_fails_the_others_are_taken_back(self):
        async with running(STUCK, stuck()) as s:
            with self.assertRaisesRegex(batchtune.InvalidRequest, r"^image\[2\] is 3 x 8 x 9.*image\[2\].transpose"):
                await s.infer([gray(1), gray(2), np.zeros((3, 8, 9), np.uint8), gray(3)], "hrnet")
            metrics = s.get_metrics()["hrnet"]
            self.assertEqual((metrics["ok"], metrics["in_flight"], s._run.gates["hrnet"]._inside), (0, 0, 0))
            with self.assertRaisesRegex(batchtune.Timeout, "the deadline passed"):
                await s.infer([gray(1)] * 3, "hrnet", timeout=0.05)
            self.assertEqual(s.get_metrics()["hrnet"]["in_flight"], 0)

    async def test_errors_may_stand_among_the_results(self):
        async with running() as s:
            good, bad, last = await s.infer([gray(1), "cell.png", gray(2)], "hrnet", return_exceptions=True)
            self.assertRegex(str(bad), r"^image\[1\] is a str: ")
            self.assertIsInstance(bad, batchtune.InvalidRequest)
            np.testing.assert_allclose([good.probabilities[0, 0], last.probabilities[0, 0]],
                                       [echo_of(1), echo_of(2)], atol=1e-5)


class Models(unittest.IsolatedAsyncioTestCase):
    async def test_models_are_told_before_while_and_after_they_are_served(self):
        s = service(settings={"p95_sla_ms": 70, "instances": "2x1"})
        self.assertEqual(list(s.models), ["hrnet", "cbam_resunet"])
        self.assertEqual(s.models["hrnet"], batchtune.Model(
            name="hrnet", input_size=(16, 16), tuned_size=16, demonstration=False, batch_size=8, max_queue_size=100,
            max_queue_delay_ms=1, p95_sla_ms=70, timeout_ms=0, policy="delay", instances=2, precision="",
            weights_note="", changed_weights=False, class_count=0))
        await s.start()
        s.set({"batch_size": 2, "timeout_ms": 500}, "cbam_resunet")
        self.assertEqual([model.batch_size for model in s.models.values()], [8, 2])
        self.assertEqual(s.models["hrnet"].precision, "none")
        await s.stop()
        self.assertEqual(s.models["cbam_resunet"].timeout_ms, 500)
        with self.assertRaisesRegex(batchtune.ConfigError, "there is no config"):
            batchtune.Service(os.path.join(SCRATCH.name, "absent.json")).models

    async def test_it_is_ready_from_start_to_stop(self):
        s = service(STUCK, stuck())
        start, go_on = s._start, threading.Event()
        s._start = lambda: go_on.wait() and start()
        starting = asyncio.ensure_future(s.start())
        await until(lambda: s._starting)
        self.assertFalse(s.ready)
        with self.assertRaisesRegex(batchtune.Closed, "still starting: "):
            await s.infer(gray(1), "hrnet")
        go_on.set()
        await starting
        self.assertTrue(s.ready)
        stuck_one = asyncio.ensure_future(s.infer(gray(1), "hrnet"))
        await until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 1)
        stopping = asyncio.ensure_future(s.stop(drain=0.2))
        await until(lambda: not s.ready)  # from its beginning, while some are still waited for
        self.assertFalse(stopping.done())
        for task in (stopping, stuck_one):
            with self.assertRaises(batchtune.BatchtuneError):
                await task
        self.assertFalse(s.ready)

    async def test_the_input_is_the_configs_unless_somebody_asks(self):
        def size(**about):
            return batchtune.Service(config(FAST), **about).models["hrnet"].input_size

        self.assertEqual(size(), (16, 16))
        self.assertEqual(size(image_size=0), (16, 16))
        self.assertEqual(size(image_size=256, settings={"batch_size": 2}), (256, 256))
        self.assertEqual(size(settings={"image_size": 64, "admission": False}, image_size=32), (64, 64))
        async with batchtune.Service(config(FAST), image_size=32) as s:
            result = await s.infer(gray(1, 5, 7), "hrnet")
            self.assertEqual((result.input_size, result.mask.shape), ((32, 32), (5, 7)))

    async def test_a_model_files_own_input_is_taken_where_the_config_says_none(self):
        folder = tempfile.mkdtemp(dir=SCRATCH.name)
        network, path = os.path.join(folder, "net.pt"), os.path.join(folder, "config.json")
        with zipfile.ZipFile(network, "w") as archive:
            archive.writestr("net/constants.pkl", b"")
            archive.writestr("net/code/__torch__.py", b"")
        with open(path, "w") as out:
            json.dump({"schema_version": 1, "settings": {"backend": "torch"}, "configurations": {
                "mine": {"optimal_batch_size": 1, "model_file": network}}}, out)
        s = batchtune.Service(path)
        self.assertEqual(s.models["mine"].input_size, (1024, 1024))
        with open(os.path.join(folder, "mine.json"), "w") as out:
            json.dump({"input_size": 96}, out)
        self.assertEqual(s.models["mine"].input_size, (96, 96))
        self.assertEqual(batchtune.Service(path, image_size=64).models["mine"].input_size, (64, 64))

    async def test_a_demonstrations_size_is_warned_of_once_where_nobody_asked_for_it(self):
        async def warned(**about):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                async with batchtune.Service(config(FAST, image_size=128, workload="cpu-demo"), **about) as s:
                    await s.infer([gray(1)] * 3, "hrnet")
            return [str(one.message) for one in caught if one.category is batchtune.DemonstrationWarning]

        (said,) = await warned()
        self.assertRegex(said, "^hrnet, cbam_resunet: images are resized to 128 x 128 .* image_size=1024 .* "
                               "image_size=128 says")
        self.assertEqual(await warned(image_size=128), [])
        self.assertEqual(await warned(settings={"image_size": 64}), [])


DARK = np.array([[0, 4000]], np.uint16)


def line():
    """The caller's."""
    return sys._getframe(1).f_lineno


class Places(unittest.TestCase):
    """Warnings point at the line that called."""

    def caught(self, category, at, use):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use()
        seen = [(one.filename, one.lineno) for one in caught if one.category is category]
        self.assertEqual(seen, [(__file__, one) for one in at])

    def demonstration(self):
        return service(image_size=128, workload="cpu-demo")

    def test_of_images_without_a_loop(self):
        at = []

        def use():
            with service() as s:
                at.append(line()); s.infer_sync(DARK, "hrnet")  # noqa: E702
                at.append(line()); s.infer_sync([DARK], "hrnet")  # noqa: E702
        self.caught(batchtune.RangeWarning, at, use)

    def test_of_images_in_a_loop(self):
        at = []

        async def use():
            async with running() as s:
                at.append(line()); await s.infer(DARK, "hrnet")  # noqa: E702
                at.append(line()); await s.infer([DARK], "hrnet")  # noqa: E702
                at.append(line()); await s.segment_image_optimized(DARK)  # noqa: E702
        self.caught(batchtune.RangeWarning, at, lambda: asyncio.run(use()))

    def test_of_images_in_tasks_that_nobody_of_the_callers_is_in(self):
        """What called is gone: the line that runs the loop is the nearest."""
        async def use():
            async with running() as s:
                await asyncio.gather(s.infer(DARK, "hrnet"), s.infer(DARK, "hrnet"))
        at = []

        def run():
            at.extend([line() + 1] * 2)
            asyncio.run(use())
        self.caught(batchtune.RangeWarning, at, run)

    def test_of_demonstrations(self):
        at = []

        def use():
            s = self.demonstration()
            at.append(line()); s.start_sync()  # noqa: E702
            s.stop_sync()
            at.append(line() + 1)
            with self.demonstration():
                pass
            with contextlib.ExitStack() as stack:
                at.append(line()); stack.enter_context(self.demonstration())  # noqa: E702

        async def use_loop():
            s = self.demonstration()
            at.append(line()); await s.start()  # noqa: E702
            await s.stop()
            at.append(line()); await s.segment_image_optimized(gray(1))  # noqa: E702
            await s.stop()
            at.append(line() + 1)
            async with self.demonstration():
                pass
        self.caught(batchtune.DemonstrationWarning, at, use)
        at.clear()
        self.caught(batchtune.DemonstrationWarning, at, lambda: asyncio.run(use_loop()))


class Sync(unittest.TestCase):
    def test_it_serves_without_an_event_loop(self):
        with service() as s:
            self.assertTrue(s.ready)
            result = s.infer_sync(image=gray(255), model_name="hrnet", threshold=0.5, timeout=60)
            self.assertEqual(result.mask.tolist(), [[1] * 5] * 3)
            results = s.infer_sync([gray(i) for i in range(30)], "hrnet", probabilities=True)
            np.testing.assert_allclose([one.probabilities[0, 0] for one in results], [echo_of(i) for i in range(30)],
                                       atol=1e-5)
            bad = s.infer_sync(["a"], "hrnet", return_exceptions=True)
            self.assertIsInstance(bad[0], batchtune.InvalidRequest)
            dark = s.infer_sync(gray(0), "hrnet", probabilities=False, standard_path=True)
            self.assertEqual((dark.probabilities, dark.inference_mode), (None, "standard_fallback"))
            with self.assertRaisesRegex(batchtune.InvalidRequest, "no model is called None here"):
                s.infer_sync(gray(0), None)
        self.assertFalse(s.ready)
        with self.assertRaisesRegex(batchtune.Closed, "was stopped: .*service.start_sync"):
            s.infer_sync(gray(1), "hrnet")
        s.start_sync()
        self.assertTrue(s.ready)
        s.stop_sync(drain=1)

    def test_what_waits_in_a_loop_is_refused_with_what_to_write(self):
        async def refuse(method, says, *arguments):
            with self.assertRaisesRegex(batchtune.LoopRunning, says):
                method(*arguments)
            with self.assertRaises(RuntimeError):
                method(*arguments)

        async def try_all():
            s = service()
            await refuse(s.start_sync, r"start_sync would stop the event loop .*`await service.start\(\.\.\.\)`")
            await refuse(s.__enter__, "`async with`")
            async with s:
                await refuse(s.infer_sync, r"`await service.infer\(\.\.\.\)`$", gray(1), "hrnet")
                await refuse(s.stop_sync, "await service.stop")
                in_thread = asyncio.get_running_loop().run_in_executor(None, s.infer_sync, gray(1), "hrnet")
                self.assertEqual((await in_thread).mask.shape, (3, 5))
            self.assertFalse(s.ready)

        asyncio.run(try_all())

    def test_threads_and_loops_share_it(self):
        wrong = []

        def ask(first):
            for i in range(first, first + 20):
                if abs(float(s.infer_sync(gray(i), "hrnet").probabilities[0, 0]) - echo_of(i)) > 1e-5:
                    wrong.append(i)

        async def await_some():
            return await s.infer([gray(1)] * 20, "hrnet")

        with service(settings={"max_queue_size": 3}) as s:
            threads = [threading.Thread(target=ask, args=(20 * i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            self.assertEqual(len(asyncio.run(await_some())), 20)
            self.assertEqual(len(asyncio.run(await_some())), 20)
            for thread in threads:
                thread.join()
            self.assertEqual((wrong, s.get_metrics()["hrnet"]["ok"]), ([], 200))

    def test_waiting_holds_up_no_other_thread(self):
        s, told = service(STUCK, stuck()), []
        s.start_sync()

        def ask():
            try:
                s.infer_sync(gray(1), "hrnet")
            except batchtune.Closed as error:
                told.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: s.get_metrics()["hrnet"]["in_flight"] == 3)
        with self.assertRaises(batchtune.Timeout):
            s.stop_sync(drain=0)
        for thread in threads:
            thread.join()
        self.assertEqual(told, ["hrnet: the service was stopped before the request was done"] * 3)

    def test_ctrl_c_ends_the_wait_and_takes_the_request_back(self):
        s = service(STUCK, stuck())

        def count(what):
            return s.get_metrics()["hrnet"][what]

        def interrupt():
            wait_until(lambda: count("in_flight") == 4)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        s.start_sync()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            thread = threading.Thread(target=interrupt)
            thread.start()
            with self.assertRaises(KeyboardInterrupt):
                s.infer_sync([gray(1)] * 4, "hrnet")
            thread.join()
            wait_until(lambda: count("cancelled") == 4 and s._run.gates["hrnet"]._inside == 0)
        finally:
            signal.signal(signal.SIGINT, before)
            with contextlib.suppress(batchtune.Timeout):
                s.stop_sync(0)


class Shared(unittest.IsolatedAsyncioTestCase):
    async def test_the_process_has_one_service_which_finds_polygons_too(self):
        s = batchtune.get_production_service(config=config(FAST))
        self.assertIs(batchtune.get_production_service(), s)
        self.assertIs(batchtune.get_optimized_service(), s)
        with self.assertRaisesRegex(batchtune.InvalidRequest, "has other options already"):
            batchtune.get_optimized_service(models="hrnet")
        answers = await asyncio.gather(*[
            s.segment_image_optimized(image_array=gray(255, 20, 30), model_name="cbam_resunet", threshold=0.5)
            for _ in range(30)])  # the first starts it
        polygons, metadata = answers[-1]
        self.assertEqual(metadata["inference_mode"], "production_optimized")
        self.assertGreaterEqual(metadata["batch_size"], 1)
        self.assertGreater(metadata["p95_latency_ms"], 0)
        self.assertEqual(len(polygons), 1)
        self.assertEqual(sorted(polygons[0]["points"]), [[0, 0], [0, 19], [29, 0], [29, 19]])
        self.assertEqual((polygons[0]["area"], polygons[0]["holes"]), (600, []))
        self.assertAlmostEqual(polygons[0]["confidence"], echo_of(255), 5)
        json.dumps(polygons)
        await s.stop()

    def test_polygons_have_holes_and_small_ones_are_left_out(self):
        likely = np.zeros((40, 40), np.float32)
        likely[5:25, 5:25] = 0.75
        likely[10:20, 10:20] = 0
        likely[30:33, 30:33] = 1
        found = batchtune.find_polygons(likely)
        self.assertEqual([(one["area"], one["confidence"], len(one["holes"])) for one in found], [(300, 0.75, 1)])
        self.assertEqual(len(batchtune.find_polygons(likely.astype(float), min_area_px=0)), 2)
        self.assertEqual(len(batchtune.find_polygons(likely, threshold=0.8, min_area_px=0)), 1)
        self.assertEqual(batchtune.find_polygons(likely.astype(">f8"), min_area_px=0),
                         batchtune.find_polygons(likely, min_area_px=0))
        self.assertEqual(len(batchtune.find_polygons((likely > 0.5).tolist(), min_area_px=np.float32(0))), 2)
        for wrong, says in ((likely * 3, "2.25"), (likely[0], "1 dimensions"), (None, "probabilities=False"),
                            ("text", "^probabilities is 'text'"), (likely + 0j, "^probabilities is "),
                            (np.ma.masked_less(likely, 0.5), "^probabilities is "), (likely * math.nan, "nan")):
            with self.assertRaisesRegex(batchtune.InvalidRequest, says):
                batchtune.find_polygons(wrong)
        for about in ({"threshold": "0.5"}, {"threshold": 0}, {"min_area_px": "50"}, {"min_area_px": -1},
                      {"min_area_px": math.nan}, {"library": 3}):
            with self.assertRaisesRegex(batchtune.InvalidRequest, list(about)[0]):
                batchtune.find_polygons(likely, **about)

    def test_pictures_make_a_coco_data_set(self):
        likely = np.zeros((6, 5), np.float32)
        likely[1:4, 1:4] = 0.75
        likely[2, 2] = 0
        pictures = {"ring.png": likely, "none.png": likely * 0, "pixel.png": np.ones((1, 1))}
        outlines = batchtune.coco_data_set(pictures, min_area_px=0, category="Zelle \u00e4")
        self.assertEqual([(one["image_id"], one["segmentation"]) for one in outlines["annotations"]],
                         [(1, [[1, 1, 4, 1, 4, 4, 1, 4, 1, 2, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 1, 2]]),
                          (3, [[0, 0, 1, 0, 1, 1, 0, 1]])])
        self.assertEqual([image["file_name"] for image in outlines["images"]], list(pictures))
        self.assertEqual(outlines["categories"][0]["name"], "Zelle \u00e4")
        runs = batchtune.coco_data_set(pictures, run_lengths=True, min_area_px=0)
        self.assertEqual([one["segmentation"] for one in runs["annotations"]],
                         [{"size": [6, 5], "counts": "733NN0225"}, {"size": [1, 1], "counts": "01"}])
        self.assertEqual(batchtune.coco_data_set({})["annotations"], [])
        for wrong in ({"\udcff.png": likely}, {"a.png": likely * 3}, {"b.png": likely[0]}, {1: likely}, [likely]):
            with self.assertRaises(batchtune.InvalidRequest):
                batchtune.coco_data_set(wrong)


class Threads(unittest.TestCase):
    def test_two_loops_in_two_threads_share_a_service_and_its_queue(self):
        s = service(settings={"max_queue_size": 7})
        asyncio.run(s.start())
        wrong, together = [], threading.Barrier(2)

        def loop(first):
            async def ask(i):
                result = await s.infer(gray(i % 256), "hrnet")
                if abs(float(result.probabilities[0, 0]) - echo_of(i % 256)) > 1e-5:
                    wrong.append(i)

            async def all_of_them():
                together.wait()
                await asyncio.gather(*[ask(i) for i in range(first, first + 300)])

            asyncio.run(all_of_them())

        threads = [threading.Thread(target=loop, args=(first,)) for first in (0, 1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(s.stop())
        metrics = s.get_metrics()["hrnet"]
        self.assertEqual((wrong, metrics["ok"], metrics["rejected_full"]), ([], 600, 0))

    def test_loops_that_come_and_go_leave_nothing_behind(self):
        s = service()
        asyncio.run(s.start())
        counts = []
        for _ in range(6):
            asyncio.run(s.infer(gray(1), "hrnet"))
            gc.collect()
            counts.append(len(os.listdir("/proc/self/fd")))
        self.assertEqual(counts[2:], counts[1:-1])
        asyncio.run(s.stop())

    def test_a_loop_that_is_closed_in_the_middle_costs_no_place(self):
        s = service(SLOW, {"batch_size": 1, "max_queue_size": 4})
        asyncio.run(s.start())
        loop = asyncio.new_event_loop()
        tasks = [loop.create_task(s.infer(gray(1), "hrnet")) for _ in range(6)]
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

        async def four_more():
            return await asyncio.gather(*[s.infer(gray(1), "hrnet", timeout=600) for _ in range(4)])

        self.assertEqual(len(asyncio.run(four_more())), 4)
        for task in tasks:
            task._log_destroy_pending = False  # that is what was asked for
        asyncio.run(s.stop())

    def test_the_service_needs_no_python_thread_to_get_its_work_done(self):
        s = service()
        without_letting_go = ctypes.PyDLL(os.environ["BATCHTUNE_LIBRARY"]).bt_service_stop
        without_letting_go.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p]

        async def ask():
            await s.start()
            tasks = [asyncio.ensure_future(s.infer(gray(1), "hrnet")) for _ in range(100)]
            await until(lambda: s.get_metrics()["hrnet"]["submitted"] == 100)
            # drains with the GIL held: whoever needed it to answer would never be done
            self.assertEqual(without_letting_go(s._run.service, 600000, ctypes.byref(batchtune._Error())), 0)
            self.assertEqual(s.get_metrics()["hrnet"]["ok"], 100)
            self.assertEqual(len(await asyncio.gather(*tasks)), 100)

        asyncio.run(ask())

    def test_a_busy_python_thread_loses_nobodys_answer(self):
        s, enough = service(), threading.Event()

        def spin():
            while not enough.is_set():
                sum(range(1000))

        async def ask():
            await s.start()
            busy = threading.Thread(target=spin)
            busy.start()
            try:
                results = await asyncio.gather(*[s.infer(gray(1), "hrnet") for _ in range(200)])
            finally:
                enough.set()
                busy.join()
            await s.stop()
            return results

        self.assertEqual(len(asyncio.run(ask())), 200)
        self.assertEqual(s.get_metrics()["hrnet"]["ok"], 200)


class Processes(unittest.TestCase):
    def script(self, text):
        """Runs a program that has the module and a service `s`; returns its output."""
        head = (f"import asyncio, atexit, os, sys\n"  # what is registered before the module's comes after it
                f"atexit.register(lambda: print('stopped' if s._run and s._run.stopped else 'not'))\n"
                f"sys.path.insert(0, {str(ROOT / 'shim' / 'python')!r})\n"
                f"import numpy as np, batchtune\n"
                f"s = batchtune.Service({config(SLOW, batch_size=1)!r})\n"
                f"image = np.zeros((4, 4, 3), np.uint8)\n")
        done = subprocess.run([sys.executable, "-c", head + text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=300)
        self.assertEqual((done.returncode, done.stdout.decode().count("Traceback")), (0, 0), done.stdout.decode())
        return done.stdout.decode()

    def test_a_child_is_told_that_the_service_did_not_come_along(self):
        said = self.script("""
asyncio.run(s.start())
child = os.fork()
if child == 0:
    for what in (lambda: asyncio.run(s.infer(image, "hrnet")), lambda: asyncio.run(s.start()), s.get_metrics):
        try:
            what()
        except batchtune.Closed as error:
            print(error, flush=True)
    sys.exit()
os.waitpid(child, 0)
print(asyncio.run(s.infer(image, "hrnet")).mask.shape)
asyncio.run(s.stop())
""")
        self.assertEqual(said.count("was forked from one that had started the service"), 3)
        self.assertIn("(4, 4)", said)

    def test_children_may_start_it_where_the_parent_did_not(self):
        said = self.script("""
if os.fork() == 0:
    async def serve():
        await s.start()
        print((await s.infer(image, "hrnet")).mask.shape)
        await s.stop()
    asyncio.run(serve())
    sys.exit()
os.wait()
""")
        self.assertIn("(4, 4)", said)

    def test_children_have_a_loop_of_their_own_for_what_waits(self):
        said = self.script("""
other = batchtune.Service("absent.json")
try:
    s.models, other.start_sync()  # the module's loop runs
except batchtune.ConfigError:
    pass
batchtune._orphaned = batchtune._Run.ever = False  # as if nothing had been tried
child = os.fork()
if child == 0:
    with s:
        print(s.infer_sync(image, "hrnet").mask.shape, flush=True)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
with s:
    print(s.infer_sync(image, "hrnet").mask.shape, flush=True)
    child = os.fork()
    if child == 0:
        for what in (lambda: s.infer_sync(image, "hrnet"), s.start_sync, lambda: s.models):
            try:
                what()
            except batchtune.Closed as error:
                print(error, s.ready, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(s.infer_sync(image, "hrnet").mask.shape)
""")
        self.assertEqual(said.count("(4, 4)"), 3)
        self.assertEqual(len(re.findall("was forked from one that had started the service.* False", said)), 3)

    def test_a_script_may_be_interrupted_while_it_starts(self):
        said = self.script("""
import signal, threading
slow = batchtune.Service(%r)
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    while not slow._starting:
        pass
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    slow.start_sync()
except KeyboardInterrupt:
    print("interrupted")
""" % config("sim:tau0_ms=5000,alpha_ms=0,noise=0", batch_size=8))
        self.assertEqual(said, "interrupted\nnot\n")

    def test_a_program_may_end_without_stopping_it(self):
        said = self.script("""
async def leave():
    await s.start()
    tasks = [asyncio.ensure_future(s.infer(image, "hrnet")) for _ in range(9)]
    await tasks[0]
    print("leaving")
asyncio.run(leave())
""")
        self.assertEqual(said, "leaving\nstopped\n")


class Networks(unittest.IsolatedAsyncioTestCase):
    async def test_a_real_networks_masks_are_near_the_truth(self):
        side, count = 128, 2
        drawn = subprocess.run([str(BUILD / "tests" / "draw-spheroids"), "--seed", "3", "--count", str(count), "--size",
                                str(side)], stdout=subprocess.PIPE, check=True).stdout
        pictures = np.frombuffer(drawn, np.uint8).reshape(count, 4 * side * side)
        s = batchtune.Service(config("plan", count, side), "hrnet", "weights=demo,instances=1x1")
        try:
            await s.start()
        except batchtune.Unsupported as error:
            self.skipTest(str(error))
        answers = await asyncio.gather(*[s.infer(one[:3 * side * side].reshape(side, side, 3), "hrnet")
                                         for one in pictures])
        await s.stop()
        for one, answer in zip(pictures, answers):
            truth = one[3 * side * side:].reshape(side, side)
            overlap = np.sum(truth & answer.mask) / np.sum(truth | answer.mask)
            self.assertGreater(overlap, 0.8)
            area = sum(region["area"] for region in batchtune.find_polygons(answer.probabilities, min_area_px=0))
            self.assertEqual(area, answer.mask.sum())

    async def test_which_of_several_networks_was_taken_is_warned_of_and_told(self):
        path = os.path.join(SCRATCH.name, "two.safetensors")
        self.addCleanup(os.remove, path)
        subprocess.run([str(BUILD / "tests" / "write-checkpoint"), "cbam_resunet", "counter:7", path, "model", "counter:8",
                        "ema"], check=True)
        note = 'two.safetensors holds the network several times: "model" was taken; there is "ema" too: FILE:ema is that'

        async def told(weights):
            s = batchtune.Service(config("plan", 1, 64), "cbam_resunet", {"weights": weights, "instances": "1x1"})
            before = s.models["cbam_resunet"].weights_note
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                await s.start()
            after = s.models["cbam_resunet"].weights_note
            await s.stop()
            return before, after, [str(one.message) for one in caught if one.category is batchtune.WeightsWarning]

        try:
            self.assertEqual(await told(path), ("", note, ["cbam_resunet: " + note]))
        except batchtune.Unsupported as error:
            self.skipTest(str(error))
        self.assertEqual(await told(path + ":ema"), ("", "", []))


class Examples(unittest.TestCase):
    def test_the_pages_blocks_run_as_they_are_written(self):
        page = (ROOT / "docs" / "python.md").read_text()
        blocks = re.findall(r"```python\n(.*?)```", page, re.S)
        self.assertEqual(len(blocks), 3)
        env = dict(os.environ, BATCHTUNE_CONFIG=config(FAST), PYTHONPATH=str(ROOT / "shim" / "python"))
        for block in blocks:
            done = subprocess.run([sys.executable, "-W", "error", "-c", block], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env=env, timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout.decode())

    def example(self):
        """The app's module, made anew over a service of its own, with a client and a PNG."""
        try:
            from fastapi.testclient import TestClient
            from PIL import Image
            import multipart  # noqa: F401
        except (ImportError, RuntimeError) as error:  # RuntimeError: fastapi is here, httpx is not
            self.skipTest(str(error))
        sys.path.insert(0, str(ROOT / "tests" / "example"))
        batchtune._production = None
        self.addCleanup(setattr, batchtune, "_production", None)
        import serve_fastapi
        self.Image = Image
        picture = io.BytesIO()
        Image.fromarray(gray(255, 20, 30)).save(picture, "PNG")
        return TestClient(importlib.reload(serve_fastapi).app), picture.getvalue()

    def test_the_fastapi_example_serves(self):
        os.environ["BATCHTUNE_CONFIG"] = config(FAST)
        client, picture = self.example()
        with client:
            wait_until(lambda: client.get("/healthz").status_code == 200)
            self.assertEqual(client.get("/healthz").text, "ready\n")
            raw = client.post("/segment/hrnet?threshold=0.5", content=picture)
            form = client.post("/segment/hrnet", files={"file": ("cell.png", picture, "image/png")})
            # what curl --data-binary says of its body, though it is no form
            curl = client.post("/segment/hrnet", content=picture,
                               headers={"content-type": "application/x-www-form-urlencoded"})
            for answer in (raw, form, curl):
                self.assertEqual(answer.status_code, 200, answer.text)
                self.assertEqual(answer.json()["polygons"][0]["area"], 600)
                self.assertEqual(answer.json()["metadata"]["inference_mode"], "production_optimized")
                self.assertEqual(answer.json()["metadata"]["input_size"], [16, 16])
            unknown = client.post("/segment/resnet", content=picture)
            self.assertEqual((unknown.status_code, "there are: hrnet" in unknown.text), (404, True))
            for bad in (client.post("/segment/hrnet", content=b"hello"),
                        client.post("/segment/hrnet?threshold=7", content=picture)):
                self.assertEqual((bad.status_code, list(bad.json())), (400, ["detail"]))
            for mode, form in (("CMYK", "JPEG"), ("LAB", "TIFF"), ("F", "TIFF"), ("I", "TIFF")):
                other = io.BytesIO()
                self.Image.new(mode, (30, 20)).save(other, form)
                bad = client.post("/segment/hrnet", content=other.getvalue())
                self.assertEqual(bad.status_code, 400)
                self.assertRegex(bad.json()["detail"], f"^the picture is of mode {mode}, .*: send it as RGB or gray")
            self.assertEqual(client.post("/segment/hrnet", files={"other": b"x"}).status_code, 400)
            self.assertEqual(client.post("/segment/hrnet", data={"file": "text"}, files={"x": b""}).status_code, 400)
            page = client.get("/metrics")
            self.assertIn('outcome="ok"} 3\n', page.text)
            self.assertEqual(page.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertIn("multipart/form-data", client.get("/openapi.json").text)
        self.assertTrue(batchtune._production._run.stopped)

    def test_the_fastapi_example_is_not_ready_while_it_starts(self):
        os.environ["BATCHTUNE_CONFIG"] = config(FAST)
        client, picture = self.example()
        begun, go_on = threading.Event(), threading.Event()

        def held(service, start=batchtune.Service._start):
            begun.set()
            go_on.wait()
            start(service)

        with unittest.mock.patch.object(batchtune.Service, "_start", held), client:
            begun.wait()
            said = [client.get("/healthz"), client.post("/segment/hrnet", content=picture), client.get("/metrics"),
                    client.post("/segment/resnet", content=picture)]
            go_on.set()
            wait_until(lambda: client.get("/healthz").status_code == 200)
        self.assertEqual([answer.status_code for answer in said], [503, 503, 503, 404])
        self.assertEqual(list(said[1].json()), ["detail"])

    def test_the_fastapi_example_does_not_begin_with_a_wrong_config(self):
        os.environ["BATCHTUNE_CONFIG"] = os.path.join(SCRATCH.name, "absent.json")
        client, _ = self.example()
        with self.assertRaises(batchtune.ConfigError), client:
            pass


UNHEARD = []  # exceptions in finalizers, which Python only prints


def tearDownModule():
    gc.collect()
    if UNHEARD:
        raise AssertionError("\n".join(UNHEARD))


if __name__ == "__main__":
    sys.unraisablehook = lambda about: UNHEARD.append(f"{about.err_msg} {about.object!r}: {about.exc_value!r}")
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # unittest's loops complain of slow steps
    unittest.main(testRunner=tap.Runner, verbosity=0)
