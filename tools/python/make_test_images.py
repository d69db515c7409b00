"""Makes the pictures under tests/images that tests/unit/image-decode.c and image-mutations.c read.

    pip install pillow tifffile imagecodecs numpy
    python tools/python/make_test_images.py tests/images

They are kept, so that the tests need no Python; this file says what is in them. Every picture shows the same
gradients, of which the tests know the formula. PNGs are written here, chunk by chunk, since no common library
writes all kinds of them.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

HEIGHT, WIDTH = 19, 27


def scene():
    """RGB: red grows to the right, green downwards, blue along the diagonal."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    r, g, b = 255 * x // (WIDTH - 1), 255 * y // (HEIGHT - 1), 255 * (x + y) // (WIDTH + HEIGHT - 2)
    return np.stack([r, g, b], axis=2).astype(np.uint8)


def opacity():
    """Grows against red, to the left."""
    return (255 - scene()[..., 0]).astype(np.uint8)


def deep(values):
    """16 bits, up to half a step beside 257 times the byte: rounding gives the byte back, cutting does not."""
    noise = (np.arange(values.size).reshape(values.shape) * 37) % 257 - 128
    return np.clip(values.astype(np.int64) * 257 + noise, 0, 65535).astype(np.uint16)


RGB = scene()
GRAY = RGB[..., 0]
RGBA = np.dstack([RGB, opacity()])
PALETTE = np.array([[17 * i, 255 - 17 * i, 8 * i] for i in range(16)], np.uint8)
INDICES = GRAY // 16

# ---- PNG ----

GRAYSCALE, TRUECOLOR, INDEXED, GRAY_ALPHA, TRUECOLOR_ALPHA = 0, 2, 3, 4, 6


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(rows, depth):
    """Rows of samples as PNG packs them, each after its filter's byte (none)."""
    out = b""
    for row in rows:
        samples = row.reshape(-1)
        if depth == 16:
            out += b"\0" + samples.astype(">u2").tobytes()
        elif depth == 8:
            out += b"\0" + samples.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(value), f"0{depth}b") for value in samples)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return out


def png(samples, colour, depth, interlaced=False, extra=()):
    height, width = samples.shape[:2]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        raw = b"".join(packed(samples[y::dy, x::dx], depth) for y, x, dy, dx in passes if samples[y::dy, x::dx].size)
    else:
        raw = packed(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    middle = b"".join(chunk(kind, data) for kind, data in extra)
    body = chunk(b"IHDR", header) + middle + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def exif(orientation, order):
    """An EXIF block of one entry."""
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "HIH", 42, 8, 1) + entry + struct.pack(order + "I", 0)


def all_png():
    turned = np.ascontiguousarray(np.rot90(RGB, 1))  # stored so that turning it clockwise (6) gives the scene
    key = struct.pack(">HHH", *(int(v) for v in RGB[3, 5]))
    return {
        "gray-1": png((GRAY >= 128).astype(np.uint8), GRAYSCALE, 1),
        "gray-8": png(GRAY, GRAYSCALE, 8),
        "gray-16": png(deep(GRAY), GRAYSCALE, 16),
        "gray-alpha": png(np.dstack([GRAY, opacity()]), GRAY_ALPHA, 8),
        "rgb-8": png(RGB, TRUECOLOR, 8),
        "rgb-16": png(deep(RGB), TRUECOLOR, 16),
        "rgb-interlaced": png(RGB, TRUECOLOR, 8, interlaced=True),
        "rgb-key": png(RGB, TRUECOLOR, 8, extra=[(b"tRNS", key)]),
        "rgb-turned": png(turned, TRUECOLOR, 8, extra=[(b"eXIf", exif(6, ">"))]),
        "rgba-8": png(RGBA, TRUECOLOR_ALPHA, 8),
        "rgba-16": png(deep(RGBA), TRUECOLOR_ALPHA, 16),
        "palette": png(INDICES, INDEXED, 4, extra=[(b"PLTE", PALETTE.tobytes())]),
        "palette-alpha": png(
            INDICES, INDEXED, 8, extra=[(b"PLTE", PALETTE.tobytes()), (b"tRNS", bytes(17 * i for i in range(16)))]
        ),
    }


# ---- JPEG ----


def jpeg(samples, mode="RGB", **options):
    out = io.BytesIO()
    Image.fromarray(samples, mode).save(out, "JPEG", quality=96, **options)
    return out.getvalue()


def all_jpeg():
    pictures = {
        "gray": jpeg(GRAY, "L"),
        "rgb-444": jpeg(RGB, subsampling=0),
        "rgb-420": jpeg(RGB, subsampling=2),
        "progressive": jpeg(RGB, subsampling=0, progressive=True),
        "restarts": jpeg(RGB, subsampling=0, restart_marker_blocks=2),
        "three-scans": three_scans(RGB),
        "cmyk": jpeg(np.dstack([255 - RGB, 0 * GRAY]), "CMYK"),
    }
    inverse = {1: 0, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
               6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
    for orientation in range(2, 9):
        stored = np.asarray(Image.fromarray(RGB).transpose(inverse[orientation]))
        block = b"Exif\0\0" + exif(orientation, "<" if orientation % 2 else ">")
        pictures[f"turned-{orientation}"] = jpeg(stored, subsampling=0, exif=block)
    return pictures


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def three_scans(samples):
    """RGB without subsampling, a scan for each component: a baseline picture taken apart. Every block is of one
    value, so that its coefficients are the first alone, and every code has its own length: a table of both."""
    blocks = [samples[y:y + 8, x:x + 8] for y in range(0, samples.shape[0], 8) for x in range(0, samples.shape[1], 8)]
    height, width = samples.shape[:2]
    sizes = bytes(range(12))
    table = bytes([0, 0, 0, 12] + [0] * 12) + sizes  # codes of 4 bits: the sizes 0..11
    ac = bytes([0, 1] + [0] * 14) + b"\0"  # the one code of 2 bits: nothing more in this block
    out = b"\xff\xd8" + segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")  # which says that it is RGB
    out += segment(0xDB, b"\0" + bytes([1] * 64))
    out += segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + b"".join(bytes([c + 1, 0x11, 0]) for c in range(3)))
    out += segment(0xC4, b"\0" + table) + segment(0xC4, b"\x10" + ac)
    for c in range(3):
        bits, last = "", 0
        for block in blocks:
            value = (int(block[..., c].mean()) - 128) * 8
            size = abs(value - last).bit_length()
            difference = value - last if value >= last else value - last + (1 << size) - 1
            bits += format(size, "04b") + (format(difference, f"0{size}b") if size else "") + "00"
            last = value
        bits += "1" * (-len(bits) % 8)
        data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        out += segment(0xDA, bytes([1, c + 1, 0, 0, 63, 0])) + data.replace(b"\xff", b"\xff\0")
    return out + b"\xff\xd9"


# ---- TIFF ----


def tiff(*pages, append=(), **options):
    out = io.BytesIO()
    byteorder = options.pop("byteorder", "<")
    with tifffile.TiffWriter(out, byteorder=byteorder, bigtiff=options.pop("bigtiff", False),
                             imagej=options.pop("imagej", False)) as writer:
        for page in pages:
            writer.write(page, metadata=options.pop("metadata", None), software=False, **options)
    return out.getvalue()


def by_pillow(image, **options):
    out = io.BytesIO()
    image.save(out, "TIFF", **options)
    return out.getvalue()


def all_tiff():
    camera = (GRAY.astype(np.uint32) * 4095 // 255).astype(np.uint16)  # 12 of 16 bits, as cameras give them
    paletted = Image.fromarray(INDICES, "P")
    paletted.putpalette(PALETTE.tobytes())
    turned = np.ascontiguousarray(np.rot90(RGB, 1))
    return {
        "gray-1": by_pillow(Image.fromarray(GRAY).point(lambda v: 255 * (v >= 128), "1")),
        "gray-8": tiff(GRAY, photometric="minisblack"),
        "gray-8-inverted": tiff(255 - GRAY, photometric="miniswhite", compression="packbits"),
        "gray-8-alpha": tiff(np.dstack([GRAY, opacity()]), photometric="minisblack", planarconfig="contig",
                             extrasamples=["unassalpha"]),
        "gray-16": tiff(deep(GRAY), photometric="minisblack", rowsperstrip=4),
        "gray-16-inverted": tiff(65535 - deep(GRAY), photometric="miniswhite", byteorder=">"),
        "gray-16-lzw": tiff(deep(GRAY), photometric="minisblack", compression="lzw", predictor=True, rowsperstrip=5),
        "gray-16-tiles": tiff(deep(GRAY), photometric="minisblack", compression="deflate", tile=(16, 16)),
        "gray-16-maximum": tiff(camera, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)]),
        "gray-16-imagej": tiff(camera + 100, imagej=True, metadata={"min": 100.0, "max": 4195.0}),
        "rgb-8": tiff(RGB, photometric="rgb", rowsperstrip=7),
        "gray-16-even": tiff(np.full_like(deep(GRAY), 100), photometric="minisblack"),
        "gray-8-five-channels": tiff(np.stack([GRAY] + 4 * [255 - GRAY]), photometric="minisblack", planarconfig="separate"),
        "gray-16-two-channels": tiff(np.stack([deep(GRAY), deep(255 - GRAY)], axis=2), photometric="minisblack",
                                     planarconfig="contig"),
        "rgb-8-planes": tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate", compression="zstd"),
        "rgb-8-tiles": tiff(RGB, photometric="rgb", compression="deflate", tile=(16, 16), predictor=True),
        # Tiles of no whole number of kibibytes.
        "gray-1-tiles": tiff(GRAY >= 128, photometric="minisblack", tile=(16, 16)),
        "gray-8-tiles": tiff(GRAY, photometric="minisblack", tile=(16, 16)),
        "rgb-8-plain-tiles": tiff(RGB, photometric="rgb", tile=(16, 16)),
        "rgb-8-plane-tiles": tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate", tile=(16, 48)),
        "palette-tiles": tiff(INDICES, photometric="palette", tile=(16, 16),
                              colormap=(np.pad(PALETTE, ((0, 240), (0, 0))).T.astype(np.uint16) * 257)),
        "rgb-8-jpeg": by_pillow(Image.fromarray(RGB), compression="jpeg", quality=96),
        "ycbcr-8-jpeg": by_pillow(Image.fromarray(RGB).convert("YCbCr"), compression="jpeg", quality=96),
        "rgb-8-pages": tiff(RGB, 255 - RGB, photometric="rgb", compression="lzw"),
        "rgb-8-big": tiff(RGB, photometric="rgb", compression="deflate", bigtiff=True),
        "rgb-8-turned": tiff(turned, photometric="rgb", extratags=[(274, "H", 1, 6, True)]),
        "rgb-16": tiff(deep(RGB), photometric="rgb", compression="deflate", byteorder=">"),
        "rgb-16-planes": tiff(np.moveaxis(deep(RGB), 2, 0), photometric="rgb", planarconfig="separate",
                              compression="deflate", tile=(16, 16)),
        "rgba-8": tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"], compression="deflate"),
        "rgba-16": tiff(deep(RGBA), photometric="rgb", extrasamples=["unassalpha"], compression="deflate"),
        "palette": by_pillow(paletted, compression="tiff_lzw"),
        "float": tiff(GRAY.astype(np.float32), photometric="minisblack"),
        "gray-32": tiff(GRAY.astype(np.uint32), photometric="minisblack"),
        "cmyk": by_pillow(Image.fromarray(np.dstack([255 - RGB, 0 * GRAY]), "CMYK"), compression="tiff_lzw"),
        "fax": by_pillow(Image.fromarray(GRAY).point(lambda v: 255 * (v >= 128), "1"), compression="group4"),
    }


# ---- TIFF, tag by tag: pages, and what says which value is white ----

TYPES = {"B": 1, "s": 2, "H": 3, "I": 4, "Q": 5, "d": 12}


def tagged(*pages, order="<", one_directory=False):
    """A file of uncompressed pages, each (samples, {tag: (type, values)}); of one directory: the first page's alone.
    Beside the usual tags a page has its own, and under "below" pages that its SubIFDs lead to."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))

    def put_data(data):
        out.extend(b"\0" * (len(out) % 2))
        out.extend(data)
        return len(out) - len(data)

    def put_page(samples, tags):
        samples = np.asarray(samples)
        below = [put_page(*page)[0] for page in tags.get("below", ())]
        at = put_data(samples.astype(samples.dtype.newbyteorder(order)).tobytes())
        channels = samples.shape[2] if samples.ndim == 3 else 1
        every = {256: ("I", [samples.shape[1]]), 257: ("I", [samples.shape[0]]),
                 258: ("H", [8 * samples.itemsize] * channels), 259: ("H", [1]),
                 262: ("H", [2 if channels == 3 else 1]), 273: ("I", [at]), 277: ("H", [channels]),
                 278: ("I", [samples.shape[0]]), 279: ("I", [samples.nbytes])}
        if below:
            every[330] = ("I", below)
        every.update({tag: value for tag, value in tags.items() if tag != "below"})
        entries = b""
        for tag, (kind, values) in sorted(every.items()):
            data = values if kind == "s" else struct.pack(f"{order}{len(values)}{kind}", *values)
            value = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(order + "I", put_data(data))
            entries += struct.pack(order + "HHI", tag, TYPES[kind], len(values)) + value
        directory = put_data(struct.pack(order + "H", len(every)) + entries + b"\0\0\0\0")
        return directory, len(out) - 4

    link = 4
    for samples, tags in pages:
        if one_directory and link != 4:
            continue
        if one_directory:
            samples = np.concatenate([page[0] for page in pages])
            height = len(pages[0][0])
            tags = {**tags, 257: ("I", [height]), 278: ("I", [height]),
                    279: ("I", [samples.nbytes // len(pages)])}
        directory, next_link = put_page(samples, tags)
        struct.pack_into(order + "I", out, link, directory)
        link = next_link
    return bytes(out)


def imagej(*lines):
    return {270: ("s", "\n".join(["ImageJ=1.53t", *lines, ""]).encode() + b"\0")}


def imagej_ranges(ranges, order):
    """Tags 50838 and 50839: a label, and the display ranges of the channels."""
    blocks = [("info", "A label, before the ranges.".encode("utf-16-le" if order == "<" else "utf-16-be")),
              ("rang", struct.pack(f"{order}{len(ranges)}d", *ranges))]
    header = b"IJIJ"[:: -1 if order == "<" else 1]
    for name, _ in blocks:
        header += name.encode()[:: -1 if order == "<" else 1] + struct.pack(order + "I", 1)
    data = header + b"".join(block for _, block in blocks)
    return {50838: ("I", [len(header)] + [len(block) for _, block in blocks]), 50839: ("B", data)}


def ome(body, attributes=""):
    text = f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" {attributes}>{body}</OME>'
    return {270: ("s", text.encode("latin-1") + b"\0")}


def pixels(bits, body="<TiffData/>", image=0):
    return (f'<Image ID="Image:{image}"><Pixels ID="Pixels:{image}" DimensionOrder="XYCZT" Type="uint16" SizeX="{WIDTH}" '
            f'SizeY="{HEIGHT}" SizeC="1" SizeZ="1" SizeT="1" {bits}>{body}</Pixels></Image>')


def all_pages():
    camera = (GRAY.astype(np.uint32) * 4095 // 255).astype(np.uint16)
    other = (GRAY.astype(np.uint32) * 60000 // 255).astype(np.uint16)
    ten = (GRAY.astype(np.uint32) * 1023 // 255).astype(np.uint16)
    hot = ten.copy()
    hot[:5, -1] = 6000  # fewer than one pixel in a hundred
    small = np.full((HEIGHT // 2, WIDTH // 2), 90, np.uint8)
    two = ["images=2", "channels=2", "hyperstack=true", "mode=composite", "min=0.0", "max=60000.0"]
    colours = np.dstack([camera, (RGB[..., 1].astype(np.uint32) * 60000 // 255).astype(np.uint16),
                         (RGB[..., 2].astype(np.uint32) * 1023 // 255 + 7).astype(np.uint16)])
    pictures = {}
    for order, name in (("<", "little"), (">", "big")):
        ranges = imagej_ranges([100, 4195, 0, 60000], order)
        pictures[f"imagej-two-channels-{name}"] = tagged((camera + 100, {**imagej(*two), **ranges}), (other, {}), order=order)
    slices = ["images=4", "channels=2", "slices=2", "hyperstack=true", "mode=grayscale", "min=0.0", "max=60000.0"]
    both = imagej_ranges([100, 4195, 0, 60000], "<")
    comment = "<!-- <Image><Pixels SignificantBits='3'/></Image> --><![CDATA[<Pixels SignificantBits='4'/>]]>"
    mine = '<TiffData IFD="0"><UUID FileName="a.tif">urn:uuid:1</UUID></TiffData>'
    theirs = '<TiffData IFD="0"><UUID FileName="b.tif">urn:uuid:2</UUID></TiffData>'
    pictures.update({
        "imagej-two-channels-untold": tagged((camera + 100, imagej(*two)), (other, {})),
        "imagej-hyperstack": tagged((camera + 100, {**imagej(*slices), **both}), (other, {}), (camera + 100, {}), (other, {})),
        "imagej-rgb-48": tagged((colours, {**imagej("channels=3", "mode=composite", "min=0.0", "max=60000.0"),
                                           **imagej_ranges([0, 4095, 0, 60000, 7, 1030], "<")})),
        "imagej-one-directory": tagged((camera, imagej("images=3", "slices=3", "min=0.0", "max=4095.0")),
                                       (4095 - camera, {}), (camera, {}), order=">", one_directory=True),
        "metamorph-planes": tagged((GRAY, {33629: ("Q", [1, 2, 3])}), (255 - GRAY, {}), (GRAY, {}), one_directory=True),
        "imagej-8-bits": tagged((GRAY // 4 + 10, imagej("min=10.0", "max=73.0"))),
        "ome-12-bits": tagged((camera, ome(pixels('SignificantBits="12"')))),
        "ome-prefixed": tagged((camera, ome(comment + pixels("SignificantBits = '12'").replace("<", "<OME:").replace(
            "<OME:/", "</OME:"), "xmlns:OME='http://www.openmicroscopy.org/Schemas/OME/2016-06' Creator='a &amp; b \xb5'")),
            order=">"),
        "ome-two-images": tagged((camera, ome(pixels('SignificantBits="12"', '<TiffData IFD="0" PlaneCount="1"/>') + pixels(
            'SignificantBits="10"', '<TiffData IFD="1"/>', 1))), (ten, {})),
        "ome-two-files": tagged((camera, ome(pixels('SignificantBits="10"', theirs) + pixels('SignificantBits="12"', mine, 1),
                                             'UUID="urn:uuid:1"'))),
        "ome-companion": tagged((camera, ome('<BinaryOnly MetadataFile="plate.companion.ome" UUID="urn:uuid:1"/>'))),
        "ome-document-type": tagged((camera, {270: (
            "s", b'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY bits "12">]><OME>' + pixels('SignificantBits="&bits;"').encode() +
            b"</OME>\0")})),
        "ome-inverted": tagged((4095 - camera, {**ome(pixels('SignificantBits="12"')), 262: ("H", [0])})),
        "micro-manager": tagged((camera, {51123: ("s", b'{"PixelType":"GRAY16","BitDepth":12}\0')})),
        "ome-all-beyond": tagged((camera + 2015, ome(pixels('SignificantBits="10"')))),
        "ome-many-beyond": tagged((camera, ome(pixels('SignificantBits="10"')))),
        "ome-few-beyond": tagged((hot, ome(pixels('SignificantBits="10"')))),
        "micro-manager-beyond": tagged((camera, {51123: ("s", b'{"BitDepth":10}\0')})),
        "gray-16-maximum-beyond": tagged((camera, {281: ("H", [1023])})),
        "imagej-clipped": tagged((camera, imagej("min=0.0", "max=1023.0"))),
        "imagej-all-clipped": tagged((camera + 2015, imagej("min=0.0", "max=1023.0"))),
        "gray-16-greatest": tagged((camera, {341: ("H", [4095])})),
        "rgb-16-maxima": tagged(((RGB.astype(np.uint32) * 4095 // 255).astype(np.uint16), {281: ("H", [4095, 4095, 1023])})),
        "gray-16-untold": tagged((ten, {})),
        "gray-8-dark": tagged((GRAY // 26, {})),
        "tags-damaged": tagged((deep(GRAY), {280: ("s", b"black\0"), 281: ("I", [1 << 20]), 340: ("I", [3, 4]), 341: ("s", b"white\0"),
                                             270: ("I", [7]), 65001: ("d", [1.0])})),
        "pages-thumbnail-first": tagged((small, {254: ("I", [1])}), (GRAY, {254: ("I", [0])}), (255 - GRAY, {254: ("I", [2])}),
                                        (small, {254: ("I", [4])})),
        "pages-thumbnail-old": tagged((small, {255: ("H", [2])}), (GRAY, {255: ("H", [1])})),
        "pages-below": tagged((small, {254: ("I", [1]), "below": [(small, {254: ("I", [1])}), (GRAY, {})]})),
        "pages-reduced-only": tagged((GRAY, {254: ("I", [1])})),
        "pages-pyramid": tagged((GRAY, {"below": [(small, {})]})),
    })
    return pictures


def main():
    folder = Path(sys.argv[1])
    for ending, pictures in {"png": all_png(), "jpg": all_jpeg(), "tif": {**all_tiff(), **all_pages()}}.items():
        for name, data in pictures.items():
            (folder / f"{name}.{ending}").write_bytes(data)


if __name__ == "__main__":
    main()
