#!/usr/bin/env bash
# Networks as people have them: a dictionary or a tuple out, several classes, one channel in, a map smaller than the
# picture, sigmoids of their own, channels that come last, bytes or halves in, sides that must be multiples. Their classes are those that PyTorch makes of the same numbers.
. tests/lib/tap.sh
. tests/lib/serving.sh
[ -e .deps/python.stamp ] || skip_all "torch's Python part is not set up: make deps-python"
programs=$PWD/$bin
tools=$PWD/tools/setup
forward=$PWD/${O:-build}/tests/model-forward

"${programs%/bin}"/tests/draw-spheroids --seed 5 --size 32 --output "$scratch" >/dev/null # 0.png

cat >"$scratch/networks.py" <<'PYTHON'
import json
import sys
from typing import Dict, Tuple

import numpy
import PIL.Image
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(sys.argv[2]))


class Dictionary(nn.Module):
    """As torchvision's: a dictionary, the map that counts called "out"."""

    def __init__(self):
        super().__init__()
        self.body, self.head, self.other = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 5, 1), nn.Conv2d(8, 5, 1)

    def forward(self, x) -> Dict[str, torch.Tensor]:
        y = F.relu(self.body(x))
        size = [x.shape[2], x.shape[3]]
        return {
            "aux": F.interpolate(self.other(y), size=size, mode="bilinear", align_corners=False),
            "out": F.interpolate(self.head(y), size=size, mode="bilinear", align_corners=False),
        }


class Pair(nn.Module):
    """Features, and three classes at half the size."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 3, 1)

    def forward(self, x) -> Tuple[torch.Tensor, torch.Tensor]:
        y = torch.tanh(self.body(x))
        return y, 4 * self.head(y)


class UNet(nn.Module):
    """One level, with batch norm: one channel in, two classes out."""

    def __init__(self):
        super().__init__()
        self.down, self.low, self.up = nn.Conv2d(1, 8, 3, 1, 1), nn.Conv2d(8, 16, 3, 1, 1), nn.ConvTranspose2d(16, 8, 2, 2)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Conv2d(16, 2, 1)

    def forward(self, x):
        a = F.relu(self.norm(self.down(x)))
        b = self.up(F.relu(self.low(F.max_pool2d(a, 2))))
        return 5 * self.head(torch.cat([a, b], 1))


class Sigmoids(nn.Module):
    """Two classes that may overlap, as probabilities, N x H x W each in a list."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 5, 1, 2)

    def forward(self, x):
        return torch.sigmoid(6 * self.layer(x))


class Flat(nn.Module):
    """One map without a dimension for it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 3, 1, 1)

    def forward(self, x):
        return self.layer(x)[:, 0]


class Wants(nn.Module):
    """Three classes of what goes in as one type."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.layer, self.dtype = nn.Conv2d(3, 3, 3, 1, 1), dtype

    def forward(self, x):
        assert x.dtype == self.dtype
        return self.layer(x.to(torch.float32))


class Last(nn.Module):
    """N x H x W x C out, and in."""

    def __init__(self, both: bool):
        super().__init__()
        self.layer, self.both = nn.Conv2d(3, 5, 3, 1, 1), both

    def forward(self, x):
        if self.both:
            x = x.permute(0, 3, 1, 2)
        return self.layer(x).permute(0, 2, 3, 1)


class Vector(nn.Module):
    """No map at all: a classifier."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 10)

    def forward(self, x):
        return self.layer(x.mean([2, 3]))


folder = sys.argv[1]
x = torch.randn(2, 3, 32, 48)


def make(name, network, wanted, **said):
    with torch.no_grad():
        torch.jit.script(network.eval()).save(f"{folder}/{name}.pt")
        wanted(network).contiguous().numpy().astype("float32").tofile(f"{folder}/{name}.wanted")
    if said:
        json.dump(said, open(f"{folder}/{name}.json", "w"))


x.numpy().tofile(f"{folder}/x.f32")
large = lambda y: F.interpolate(y, size=[32, 48], mode="bilinear", align_corners=False)
grey = x.mean(1, keepdim=True)
make("dictionary", Dictionary(), lambda n: n(x)["out"])
make("aux", Dictionary(), lambda n: n(x)["aux"], output="aux", mask=3)
make("pair", Pair(), lambda n: large(n(x)[1]), output=1, mask=["cell", "border"],
     classes=["ground", {"name": "cell", "color": "#ff8800"}, "border"])
make("unet", UNet(), lambda n: n(grey))
make("said", UNet(), lambda n: n(grey), channels=1, mask=[0], mean=[0.5], std=[0.25])
make("sigmoids", Sigmoids(), lambda n: n(x), outputs="probabilities", activation="sigmoid")
make("softmax", nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), nn.Softmax(1)), lambda n: n(x),
     outputs="probabilities", mask=[2, 3])
make("flat", Flat(), lambda n: n(x)[:, None])
make("bytes", Wants(torch.uint8), lambda n: n(x.round().clamp(0, 255).to(torch.uint8)), dtype="uint8")
make("halves", Wants(torch.float16), lambda n: n(x.half()), dtype="float16")
make("last", Last(True), lambda n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), layout="NHWC", mask=1)
make("turned", Last(False), lambda n: n(x).permute(0, 3, 1, 2))
make("padded", Pair(), lambda n: F.interpolate(n(F.pad(x, (0, 12, 0, 8), "replicate"))[1], scale_factor=2, mode="bilinear")[:, :, :32, :48],
     pad_to_multiple=20, output=1, stride=2, mask=1)
for name, network in ("vector", Vector()), ("four", nn.Conv2d(4, 1, 1)):
    torch.jit.script(network.eval()).save(f"{folder}/{name}.pt")

# The class of each pixel of the picture that segment-image gets.
picture = torch.from_numpy(numpy.array(PIL.Image.open(f"{folder}/0.png").convert("RGB"))).permute(2, 0, 1)[None] / 255
picture = (picture - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
with torch.no_grad():
    given = torch.jit.load(f"{folder}/pair.pt")(picture)[1]
    F.interpolate(given, size=[32, 32], mode="bilinear", align_corners=False).argmax(1).to(torch.uint8).numpy().tofile(f"{folder}/pair.labels")
# Pictures for a served model, and its classes by PyTorch: at the model's own size, and in a picture's of another.
mean, std = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
pair = torch.jit.load(f"{folder}/pair.pt")
resize = lambda y, height, width: F.interpolate(y, size=[height, width], mode="bilinear", align_corners=False, antialias=height < y.shape[2])
for name, height, width in ("own", 32, 32), ("other", 48, 40), ("small", 20, 24):
    rgb = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)
    with torch.no_grad():
        seen = resize(rgb.permute(2, 0, 1)[None] / 255, 32, 32)
        classes = resize(torch.softmax(resize(pair((seen - mean) / std)[1], 32, 32), 1), height, width)
    rgb.numpy().tofile(f"{folder}/{name}.rgb")
    classes.contiguous().numpy().tofile(f"{folder}/{name}.classes")
    open(f"{folder}/{name}.size", "w").write(f"{height} {width}")

# The class of each pixel.
with torch.no_grad():
    torch.jit.load(f"{folder}/unet.pt")(grey).argmax(1).to(torch.float32).numpy().tofile(f"{folder}/unet.argmax")
PYTHON
seed=${SEED:-20261129}
RUN_TIMEOUT_S=300 run tools/setup/torch-python -W ignore "$scratch/networks.py" "$scratch" "$seed"
exits 0 'networks are made' || comment "$err"
cd "$scratch" || exit 1

# maps NAME: runs the network on the same numbers; what it found out is in $out.
maps() {
    run "$forward" --model "$1" --model-file "$1.pt" --input x.f32 --shape 2,3,32,48 --output "$1.given" --path "${2:-standard}" \
        --precision fp32
}
# same A B KIND: the largest difference, and whether it is small; of labels, the share that is alike, A being of two images
# with two classes.
same() {
    python3 - "$@" <<'PYTHON'
import array
import sys

given, wanted = (array.array("f", open(name, "rb").read()) for name in sys.argv[1:3])
if sys.argv[3] == "labels":
    pixels = len(wanted) // 2
    first, second = (given[i * pixels : (i + 1) * pixels] + given[(i + 2) * pixels : (i + 3) * pixels] for i in (0, 1))
    alike = sum((b > a) == (c == 1) for a, b, c in zip(first, second, wanted)) / len(wanted)
    sys.exit(None if alike >= 0.999 else f"{alike} of the pixels alike")
if len(given) != len(wanted):
    sys.exit(f"{len(given)} numbers, {len(wanted)} wanted")
most = max(abs(a - b) / (1 + abs(b)) for a, b in zip(given, wanted))
sys.exit(None if most < 1e-4 else f"differs by {most}")
PYTHON
}
for name in dictionary aux pair unet said sigmoids softmax flat bytes halves last turned padded; do
    maps "$name"
    exits 0 "$name is taken"
    same "$name.given" "$name.wanted" map
    ok $? "its classes are PyTorch's" || comment "seed $seed"
    printf '%s\n' "$out" >"$name.found"
done
same unet.given unet.argmax labels
ok $? "a label is where PyTorch's argmax is"
maps dictionary plain
same dictionary.given dictionary.wanted map
ok $? 'on the plain path, too'
found() { sed -n 's/^found: //p' "$1.found"; }
like "$(found dictionary)" 'of its 2 tensors "out" is taken \("output": "out"\); gives 5 classes: its mask is where it is not the first' \
    'which tensor and which classes were taken is told'
like "$(found unet)" 'takes pictures of one channel, the mean of the three \("channels": 1\)' 'that one channel goes in, too'
is "$(found said)" '' 'but not what was said'
is "$(found aux)" '' 'or chosen'
like "$(found pair)" 'its map is smaller by 2 and is enlarged' 'a smaller map is enlarged'
is "$(found last)$(found padded)" '' 'and nothing of what was said'
like "$(found turned)" 'its map is N x H x W x classes' 'classes that come last are found out'
is "$(found flat)" '' 'and of what is as usual nothing is said'

# --- from the file to a tuned config, and a picture's polygons
run "$programs/optimize-batch" --quiet --model-file unet=unet.pt --image-size 32 --batches 1,2 --threads 1 --instances 1 --time-budget 8s \
    --min-mask-iou 0 --output c.json
like "$status" '^[04]$' 'such a network is tuned'
says_error 'warning: unet: takes pictures of one channel' 'and what was found is said once'
is "$(printf '%s\n' "$err" | grep -c 'one channel')" 1 'for each model'
run "$programs/segment-image" --quiet --config c.json --models unet --image 0.png --image-size 32
exits 0 'and serves pictures'

# --- polygons by class
segment_pair() {
    run "$programs/segment-image" --model-file pair=pair.pt --image 0.png --image-size 32 --precision fp32 --min-area-px 0 "$@"
}
segment_pair --output found.json --labels labels.png --overlay overlay.png
exits 0 'a network of three classes segments pictures'
says_error '^[0-9]+ regions \([0-9]+ cell, [0-9]+ border\) on' 'and the regions of each are counted'
segment_pair --quiet --format coco --output coco.json
exits 0 'also as COCO'
segment_pair --quiet --format geojson --output found.geojson
exits 0 'and as GeoJSON'
cat >compare.py <<'PYTHON'
import contextlib
import json

import numpy
import PIL.Image
from pycocotools.coco import COCO

picture = PIL.Image.open("labels.png")
labels, wanted = numpy.array(picture), numpy.fromfile("pair.labels", numpy.uint8).reshape(32, 32)
assert picture.mode == "L" and (labels == wanted).mean() >= 0.999, (labels == wanted).mean()
found = json.load(open("found.json"))
names = {1: "cell", 2: "border"}
assert {(one["class_number"], one["class"]) for one in found["polygons"]} == set(names.items())
for number in names:
    areas = [one["area"] for one in found["polygons"] if one["class_number"] == number]
    assert sum(areas) == (labels == number).sum(), number
classes = found["metadata"]["classes"]
assert [one["name"] for one in classes] == ["ground", "cell", "border"]
assert [one["polygons"] for one in classes] == [False, True, True]
assert all(abs(one["share"] - (labels == one["number"]).mean()) < 1e-6 for one in classes)
with contextlib.redirect_stdout(None):
    coco = COCO("coco.json")
assert {one["id"]: one["name"] for one in coco.dataset["categories"]} == names
for number in names:
    decoded = sum(coco.annToMask(one) for one in coco.loadAnns(coco.getAnnIds(catIds=[number])))
    assert numpy.array_equal(decoded, labels == number), number
found = json.load(open("found.geojson"))["features"]
given = {(one["properties"]["classification"]["name"], *one["properties"]["classification"]["color"]) for one in found}
assert given == {("cell", 255, 136, 0), ("border", 86, 180, 233)}, given
assert sum(one["properties"]["area"] for one in found) == (labels > 0).sum()
colours = {tuple(pixel) for row in numpy.array(PIL.Image.open("overlay.png")) for pixel in row}
assert {(255, 136, 0), (86, 180, 233)} <= colours
PYTHON
run "$tools/torch-python" compare.py
exits 0 "labels are PyTorch's argmax; polygons, COCO's categories, GeoJSON and the overlay are theirs" || comment "$err"
# --- classes, over HTTP and from Python
cat >pair-config.json <<END
{"schema_version": 1, "settings": {"precision": "fp32", "threads": 1},
 "configurations": {"pair": {"optimal_batch_size": 2, "image_size": 32, "model_file": "$PWD/pair.pt"}}}
END
cd - >/dev/null || exit 1
if find_python; then
    case $python in tools/*) python=$PWD/$python ;; esac
    checks=$PWD/tests/python/test_classes.py
    cd "$scratch" || exit 1
    bin=$programs serve server --config pair-config.json
    ok $? 'a model of three classes is served' || comment "$(cat server.err)"
    tap < <("$python" "$checks" "$url" pair-config.json own other small 2>&1 || echo 'not ok 0 - the script ends well')
    kill "$server"
    ends 0 'it ends well'
else
    cd "$scratch" || exit 1
    skip 'no Python here has numpy'
fi

# --- what does not fit
refused() {
    maps "$1"
    refuses "$2" "$3"
}
refused vector 'vector\.pt: gives 1 x 10 for images of 1 x 3 x 32 x 48; N x classes x H x W is wanted' 'no map'
refused four 'four\.pt: does not run on images of 1 x 3 x 32 x 48: .*4 channels' 'other channels than three or one'
echo '{"output": "mask"}' >dictionary.json
refused dictionary 'dictionary\.pt: gives no tensor "mask"; there is "(aux|out)", "(aux|out)"; \{"output": "(aux|out)"\} in its JSON file would do' \
    'a tensor that is not there'
echo '{"output": 4}' >pair.json
refused pair 'pair\.pt: gives no tensor 4; there is 0, 1' 'or a number beyond'
echo '{"classes": ["ground", "cell"]}' >dictionary.json
refused dictionary 'dictionary\.pt: gives 5 classes; its JSON file names 2' 'another number of classes'
echo '{"mask": 9}' >dictionary.json
refused dictionary 'gives 5 classes; its JSON file.s "mask" has number 9' 'a class that is not there'
echo '{"output": 1, "stride": 4}' >pair.json
refused pair 'pair\.pt: its map is smaller by 2; its JSON file.s "stride" says 4' 'another stride'
echo '{"input_size": [32, 64]}' >dictionary.json
refused dictionary 'images of 32 x 48 pixels; its JSON file.s "input_size" has 32 or 64 for each side' 'another size'
run "$forward" --model said --model-file said.pt --input x.f32 --shape 1,3,33,48 --output odd.given --precision fp32
refuses 'said\.pt: does not run on images of 1 x 1 x 33 x 48: .*"pad_to_multiple": 32' 'a side that cannot be halved, with what may help'
echo '{"mask": [1]}' >flat.json
refused flat 'flat\.pt: gives 1 classes; its JSON file.s "mask" has number 1' 'also of one'
done_testing
