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
        "cmyk": jpeg(np.dstack([255 - RGB, 0 * GRAY]), "CMYK"),
    }
    inverse = {1: 0, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
               6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
    for orientation in range(2, 9):
        stored = np.asarray(Image.fromarray(RGB).transpose(inverse[orientation]))
        block = b"Exif\0\0" + exif(orientation, "<" if orientation % 2 else ">")
        pictures[f"turned-{orientation}"] = jpeg(stored, subsampling=0, exif=block)
    return pictures


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
        "rgb-8-planes": tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate", compression="zstd"),
        "rgb-8-tiles": tiff(RGB, photometric="rgb", compression="deflate", tile=(16, 16), predictor=True),
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
        "cmyk": by_pillow(Image.fromarray(np.dstack([255 - RGB, 0 * GRAY]), "CMYK"), compression="tiff_lzw"),
        "fax": by_pillow(Image.fromarray(GRAY).point(lambda v: 255 * (v >= 128), "1"), compression="group4"),
    }


def main():
    folder = Path(sys.argv[1])
    for ending, pictures in {"png": all_png(), "jpg": all_jpeg(), "tif": all_tiff()}.items():
        for name, data in pictures.items():
            (folder / f"{name}.{ending}").write_bytes(data)


if __name__ == "__main__":
    main()
