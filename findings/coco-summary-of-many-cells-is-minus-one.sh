#!/usr/bin/env bash
# COCO evaluation of a picture with more than 100 cells has no headline: asked for more, its first figure is -1.
#
# Guess:     150 cells, each found exactly, score less by the usual limit of 100 detections a picture; with
#            maxDets = [1, 10, 1000] every figure of the summary is over up to 1000 of them, and 1.
# Version:   pycocotools 2.0.11, CPython 3.11, x86-64 Linux.
# Behaviour: the usual limit takes a third of the cells away. With another, the first line of the summary, which is what people
#            quote, still asks for 100: it finds no such limit and says -1, while the lines under it hold. Nothing is said.
# Seen:      up to 100 a picture: AP 0.66, AP at IoU 0.50 0.66, recall 0.67
#            up to 1000 a picture: AP -1.00, AP at IoU 0.50 1.00, recall 1.00
#
# It installs pycocotools and numpy (80 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" pycocotools==2.0.11 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import contextlib
import io
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

cells = [[20 * (i % 15), 20 * (i // 15), 10, 10] for i in range(150)]
annotations = [{"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
                "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]} for i, (x, y, w, h) in enumerate(cells)]
coco = COCO()
coco.dataset = {"info": {}, "images": [{"id": 1, "width": 300, "height": 200}],
                "categories": [{"id": 1, "name": "cell"}], "annotations": annotations}
seen = {}
with contextlib.redirect_stdout(io.StringIO()):
    coco.createIndex()
    for limits in ([1, 10, 100], [1, 10, 1000]):
        found = [{"image_id": 1, "category_id": 1, "segmentation": coco.annToRLE(one), "score": 0.9} for one in annotations]
        judge = COCOeval(coco, coco.loadRes(found), "segm")
        judge.params.maxDets = limits
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        seen[limits[-1]] = [float(figure) for figure in judge.stats]
for limit, (average, at_half, *_, recall, _, _, _) in seen.items():
    print(f"up to {limit} a picture: AP {average:.2f}, AP at IoU 0.50 {at_half:.2f}, recall {recall:.2f}")
as_told = 0.6 < seen[100][0] < 0.7 and seen[1000][0] == -1 and seen[1000][1] > 0.99
sys.exit(0 if as_told else 1)
PYTHON
python3 -W ignore "$folder/show.py"
