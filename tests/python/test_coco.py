"""COCO's own reader, pycocotools, on what the library writes of 200 drawn pictures: the masks that it decodes are the
regions, from outlines and from run lengths.

    tests/run coco          with a Python that has pycocotools, as `make deps-python` makes one

Regions are found here once more, pixel by pixel, and compared with what is decoded. SEED=... draws other pictures."""

import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import tap  # noqa: E402

PROGRAM = ROOT / os.environ.get("O", "build") / "tests" / "mask-polygons"
SEED = int(os.environ.get("SEED", "15"))
PICTURES = 200
SCRATCH = tempfile.TemporaryDirectory(prefix="batchtune-coco-")


# ---- pictures ----

def disc(inside, random):
    height, width = inside.shape
    radius = random.uniform(0.5, min(height, width) / 2)
    y, x = random.uniform(0, height), random.uniform(0, width)
    rows, columns = np.mgrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius ** 2


def discs(inside, random):
    for _ in range(random.integers(1, 6)):
        inside |= disc(inside, random)


def rings(inside, random):
    """Discs by turns filled and cut out: holes, regions inside holes, discs cut by the picture's border."""
    for i in range(random.integers(2, 9)):
        if i % 2:
            inside &= ~disc(inside, random)
        else:
            inside |= disc(inside, random)


def lines(inside, random):
    height, width = inside.shape
    for _ in range(random.integers(1, 5)):
        y, x, length = random.integers(height), random.integers(width), random.integers(1, max(height, width))
        down, right = [(0, 1), (1, 0), (1, 1), (1, -1), (2, 1)][random.integers(5)]
        for i in range(length):
            row, column = y + i * down, x + i * right
            if 0 <= row < height and 0 <= column < width:
                inside[row, column] = True


def pixels(inside, random):
    inside |= random.random(inside.shape) < 0.03


def noise(inside, random):
    inside |= random.random(inside.shape) < random.uniform(0.2, 0.9)


def corners(inside, random):
    """Squares that touch by their corners."""
    height, width = inside.shape
    side = random.integers(1, 6)
    rows, columns = np.mgrid[:height, :width]
    inside |= (rows // side + columns // side) % 2 == 0
    inside &= random.random((height // side + 1, width // side + 1))[rows // side, columns // side] < 0.8


def border(inside, random):
    """A frame along the picture's border, and what touches it."""
    thick = random.integers(1, 4)
    inside[:] = True
    inside[thick:-thick, thick:-thick] = False
    inside |= disc(inside, random)


def full(inside, random):
    inside[:] = random.random() < 0.8


def reported(inside, random):
    """What outlines through pixels' centres lost most of: a line, a small disc, a block; and a pixel."""
    height, width = inside.shape
    rows, columns = np.mgrid[:height, :width]
    inside[1, :60] = True
    inside |= (rows - 8) ** 2 + (columns - 5) ** 2 <= 16
    inside[14:24, 2:12] = True
    inside[-1, -1] = True


KINDS = [discs, rings, lines, pixels, noise, corners, border, full, reported]


def draw(number):
    random = np.random.default_rng([SEED, number])
    inside = np.zeros(random.integers(8, 97, 2), bool)
    KINDS[number % len(KINDS)](inside, random)
    return inside


def regions_of(inside):
    """Each region's mask, by its first pixel: pixels touch by side or corner."""
    left, regions = inside.tolist(), []
    height, width = inside.shape
    for y, x in np.argwhere(inside):
        if not left[y][x]:
            continue
        region, todo = np.zeros_like(inside), [(y, x)]
        left[y][x] = False
        while todo:
            row, column = todo.pop()
            region[row, column] = True
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    if left[r][c]:
                        left[r][c] = False
                        todo.append((r, c))
        regions.append(region)
    return regions


# ---- data sets ----

def write_data_set(form, name, height, width):
    """The COCO text of one picture's mask file."""
    return json.loads(subprocess.run(
        [PROGRAM, "--mask", name, "--height", str(height), "--width", str(width), "--min-area", "0", "--format", form],
        check=True, stdout=subprocess.PIPE).stdout)


def quietly(does, *arguments):
    """pycocotools tells of its progress on standard output."""
    with contextlib.redirect_stdout(io.StringIO()):
        return does(*arguments)


def load(data_set):
    path = os.path.join(SCRATCH.name, "coco.json")
    with open(path, "w") as out:
        json.dump(data_set, out)
    return quietly(COCO, path)


def joined(sets):
    """One data set of many of one picture each."""
    whole = dict(sets[0], images=[], annotations=[])
    for number, one in enumerate(sets, 1):
        whole["images"] += [dict(image, id=number) for image in one["images"]]
        whole["annotations"] += [dict(annotation, image_id=number) for annotation in one["annotations"]]
    for number, annotation in enumerate(whole["annotations"], 1):
        annotation["id"] = number
    return whole


def results_of(coco):
    """What COCO calls results: of a run-length mask no box, which would have loadRes take the box's area."""
    return [{"image_id": one["image_id"], "category_id": one["category_id"], "segmentation": coco.annToRLE(one),
             "score": one["score"]} for one in coco.dataset["annotations"]]


def precision_of(judge):
    judge.params.maxDets = [1, 10, 10000]  # a picture of noise has more than the usual 100
    quietly(judge.evaluate)
    quietly(judge.accumulate)
    precision = judge.eval["precision"][:, :, :, 0, 2]
    return precision[precision >= 0].mean()


def bounds(region):
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    return [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]


class Coco(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.regions, sets = [], {"coco": [], "coco-rle": []}
        for number in range(PICTURES):
            inside = draw(number)
            name = os.path.join(SCRATCH.name, f"{number}.f32")
            np.where(inside, np.float32(0.75), np.float32(0.25)).tofile(name)
            cls.regions.append(regions_of(inside))
            for form in sets:
                sets[form].append(write_data_set(form, name, *inside.shape))
        cls.data_sets = {form: joined(sets[form]) for form in sets}
        cls.coco = {form: load(cls.data_sets[form]) for form in sets}
        print(f"# {PICTURES} pictures of seed {SEED}, {sum(map(len, cls.regions))} regions")

    def each(self, form):
        """Every region as it was drawn, with its annotation."""
        coco = self.coco[form]
        for number, regions in enumerate(self.regions, 1):
            annotations = coco.loadAnns(coco.getAnnIds(number))
            self.assertEqual(len(annotations), len(regions), f"picture {number - 1} of seed {SEED}")
            yield from zip(regions, annotations)

    def check_decoded(self, form):
        agreement, exact = [], 0
        for region, annotation in self.each(form):
            decoded = self.coco[form].annToMask(annotation).astype(bool)
            agreement.append((decoded & region).sum() / (decoded | region).sum())
            exact += np.array_equal(decoded, region)
            self.assertEqual(annotation["area"], decoded.sum())
            self.assertEqual(annotation["bbox"], bounds(decoded))
        print(f"# {form}: mean IoU {np.mean(agreement):.4f}, least {min(agreement):.4f}, "
              f"{exact} of {len(agreement)} regions exact")
        self.assertGreaterEqual(np.mean(agreement), 0.995)
        self.assertGreaterEqual(min(agreement), 0.95)
        self.assertEqual(exact, len(agreement))

    def test_outlines_decode_to_the_regions(self):
        self.check_decoded("coco")

    def test_run_lengths_decode_to_the_regions(self):
        self.check_decoded("coco-rle")

    def test_run_lengths_are_the_text_that_pycocotools_writes(self):
        for region, annotation in self.each("coco-rle"):
            wanted = masks.encode(np.asfortranarray(region, dtype=np.uint8))
            self.assertEqual(annotation["segmentation"], dict(wanted, counts=wanted["counts"].decode()))

    def test_an_outline_is_one_list_that_no_reader_takes_for_a_box(self):
        for _, annotation in self.each("coco"):
            self.assertEqual(len(annotation["segmentation"]), 1)
            self.assertGreaterEqual(len(annotation["segmentation"][0]), 8)

    def test_results_keep_their_areas(self):
        for form, coco in self.coco.items():
            results = quietly(coco.loadRes, results_of(coco))
            self.assertEqual([one["area"] for one in results.dataset["annotations"]],
                             [one["area"] for one in coco.dataset["annotations"]], form)

    def test_each_form_evaluates_as_the_other(self):
        truth, seen = self.coco["coco"], self.coco["coco-rle"]
        for kind in ("segm", "bbox"):
            judge = quietly(COCOeval, truth, quietly(truth.loadRes, results_of(seen)), kind)
            precision = precision_of(judge)
            print(f"# COCOeval, {kind}: AP {precision:.4f}")
            self.assertGreater(precision, 0.999)

    def test_the_pages_block_runs_as_it_is_written(self):
        """On files that number the pictures otherwise."""
        page = (ROOT / "docs" / "pictures-and-polygons.md").read_text()
        block, = re.findall(r"```python\n(.*?)```", page, re.S)
        found, count = self.data_sets["coco-rle"], PICTURES + 1
        turned = dict(found, images=[dict(image, id=count - image["id"]) for image in found["images"]],
                      annotations=[dict(one, image_id=count - one["image_id"]) for one in found["annotations"]])
        before = os.getcwd()
        os.chdir(SCRATCH.name)
        try:
            for name, data_set in (("truth.json", self.data_sets["coco"]), ("plate.json", turned)):
                pathlib.Path(name).write_text(json.dumps(data_set))
            names = {}
            quietly(exec, block, names)
        finally:
            os.chdir(before)
        self.assertGreater(precision_of(names["judge"]), 0.999)


if __name__ == "__main__":
    unittest.main(testRunner=tap.Runner, verbosity=0)
