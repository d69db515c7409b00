"""Labels and probabilities by class, over HTTP and from Python, are those that PyTorch makes of the same picture. Speaks TAP.

    test_classes.py http://127.0.0.1:PORT CONFIG PREFIX...

The server has a model "pair" of the classes ground, cell and border, at 32 x 32; CONFIG is its own. PREFIX.rgb is a picture,
PREFIX.size its height and width, and PREFIX.classes PyTorch's softmax of it, classes x height x width of float32."""

import json
import os
import struct
import sys
import urllib.request
import zlib

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "tests", "lib"), os.path.join(ROOT, "shim", "python")]
import batchtune  # noqa: E402
from checks import done, is_, ok  # noqa: E402

SERVER, CONFIG, PREFIXES = sys.argv[1], sys.argv[2], sys.argv[3:]
NAMES = ["ground", "cell", "border"]
COLOURS = [(0, 0, 0), (255, 136, 0), (86, 180, 233)]


class Case:
    def __init__(self, prefix):
        with open(prefix + ".size") as file:
            self.height, self.width = map(int, file.read().split())
        self.rgb = np.fromfile(prefix + ".rgb", np.uint8).reshape(self.height, self.width, 3)
        self.classes = np.fromfile(prefix + ".classes", np.float32).reshape(3, self.height, self.width)
        self.labels = self.classes.argmax(0)
        self.name = "%d x %d" % (self.width, self.height)

    def check(self, how, labels, classes):
        alike = (labels == self.labels).mean()
        ok(labels.shape == self.labels.shape and alike >= (1 if self.height == 32 else 0.999),
           "%s, %s: labels are PyTorch's argmax" % (how, self.name), "%g of the pixels alike" % alike)
        most = abs(classes - self.classes).max()
        ok(most < 1e-4, "its softmax, too", most)
        ok(abs(classes.sum(0) - 1).max() < 1e-5, "which comes to 1", abs(classes.sum(0) - 1).max())


def ask(path, body=None, headers=None):
    with urllib.request.urlopen(urllib.request.Request(SERVER + path, body, headers or {})) as answer:
        return answer.headers, answer.read()


def infer(pictures, binary):
    """Two outputs of pictures of one size, in binary or as JSON."""
    header = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": list(pictures.shape),
                          "parameters": {"binary_data_size": pictures.nbytes}}],
              "parameters": {"binary_data_output": binary},
              "outputs": [{"name": "labels"}, {"name": "class_probabilities"}]}
    text = json.dumps(header).encode()
    headers, body = ask("/v2/models/pair/infer", text + pictures.tobytes(), {"Inference-Header-Content-Length": str(len(text))})
    length = int(headers.get("Inference-Header-Content-Length", len(body)))
    at, found = length, []
    for output, kind in zip(json.loads(body[:length])["outputs"], (np.uint8, np.float32)):
        if binary:
            end = at + output["parameters"]["binary_data_size"]
            found.append(np.frombuffer(body[at:end], kind).reshape(output["shape"]))
            at = end
        else:
            found.append(np.array(output["data"], kind).reshape(output["shape"]))
    return found


def over_http(case):
    labels, classes = infer(np.stack([case.rgb, case.rgb[::-1]]), True)
    case.check("over HTTP", labels[0], classes[0])
    again, again_classes = infer(case.rgb[None], False)
    ok((again[0] == labels[0]).all() and abs(again_classes[0] - classes[0]).max() < 1e-6, "JSON says the same")
    ok(labels.shape[0] == 2 and (labels[1] != labels[0]).any(), "and each picture has its own")


def metadata():
    top = json.loads(ask("/v2/models/pair")[1])
    told = {output["name"]: output["shape"] for output in top["outputs"]}
    is_((told["labels"], told["class_probabilities"]), ([-1, -1, -1], [-1, 3, -1, -1]), "metadata tell of both")
    is_([one["name"] for one in top["parameters"]["classes"]], NAMES, "and of the classes' names")
    is_(top["parameters"]["classes"][1]["color"], "#ff8800", "and colours")
    text = json.loads(ask("/v2/models/pair/config")[1])["parameters"]["classes"]["string_value"]
    is_([one["name"] for one in json.loads(text)], NAMES, "so does the configuration")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(rgb):
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def parts_of(png):
    at, parts = 8, {}
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        parts[kind] = parts.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    return parts


def paeth(left, above, corner):
    near = left + above - corner
    return min((left, above, corner), key=lambda value: abs(near - value))


def pixels_of(parts, height, width):
    """Of a byte each."""
    data, rows = zlib.decompress(parts[b"IDAT"]), [bytes(width + 1)]
    for y in range(height):
        line, row, above = data[y * (width + 1) :][: width + 1], bytearray(1), rows[-1]
        for x in range(1, width + 1):
            guess = (0, row[x - 1], above[x], (row[x - 1] + above[x]) // 2, paeth(row[x - 1], above[x], above[x - 1]))
            row.append(line[x] + guess[line[0]] & 255)
        rows.append(bytes(row))
    return np.array([list(row[1:]) for row in rows[1:]], np.uint8)


def as_pictures(case):
    picture = png_of(case.rgb)
    png = parts_of(ask("/segment/pair", picture, {"Accept": "image/png"})[1])
    is_(png[b"IHDR"][9], 3, "a PNG of labels has a palette")
    is_([tuple(png[b"PLTE"][3 * i : 3 * i + 3]) for i in range(3)], COLOURS, "of the classes' colours")
    ok((pixels_of(png, case.height, case.width) == case.labels).mean() >= 0.999, "its pixels are the labels")
    mask = parts_of(ask("/segment?png=mask", picture, {"Accept": "image/png"})[1])
    is_(mask[b"IHDR"][9], 0, "and a mask can be had")
    document = json.loads(ask("/segment/pair", picture)[1])
    told = document["metadata"]["classes"]
    is_([one["name"] for one in told], NAMES, "a document tells the classes")
    ok(all(abs(one["share"] - (case.labels == i).mean()) < 1e-3 for i, one in enumerate(told)), "and their shares", told)
    by_class(case, document["polygons"])
    found = ask("/v2/models/pair/infer", json.dumps(
        {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, *case.rgb.shape], "data": case.rgb.ravel().tolist()}],
         "outputs": [{"name": "polygons"}]}).encode())[1]
    by_class(case, json.loads(json.loads(found)["outputs"][0]["data"][0])["polygons"])
    features = json.loads(ask("/segment/pair", picture, {"Accept": "application/geo+json"})[1])["features"]
    given = {(one["properties"]["classification"]["name"], *one["properties"]["classification"]["color"]) for one in features}
    is_(given, {(NAMES[i], *COLOURS[i]) for i in (1, 2)}, "GeoJSON has their names and colours")


def by_class(case, polygons):
    """Each class's polygons have its pixels; the ground has none."""
    areas = [sum(one["area"] for one in polygons if one["class_number"] == i) for i in range(3)]
    pixels = [int((case.labels == i).sum()) for i in range(3)]
    ok(areas[0] == 0 and all(abs(a - b) <= case.labels.size / 1000 for a, b in zip(areas[1:], pixels[1:])),
       "polygons are by class", (areas, pixels))


def from_python(cases):
    with batchtune.Service(CONFIG) as service:
        is_([one.name for one in service.classes("pair")], NAMES, "from Python, classes have their names")
        is_([one.rgb for one in service.classes("pair")], COLOURS, "and colours")
        for case in cases:
            result = service.infer_sync(case.rgb, "pair", class_probabilities=True)
            case.check("from Python", result.labels, result.class_probabilities)
            inside = result.class_probabilities[1:].sum(0)
            ok(abs(inside - result.probabilities).max() < 1e-4, "the mask's probability is the sum of its classes'",
               abs(inside - result.probabilities).max())


every = [Case(prefix) for prefix in PREFIXES]
metadata()
for one in every:
    over_http(one)
    as_pictures(one)
from_python(every)
done()
