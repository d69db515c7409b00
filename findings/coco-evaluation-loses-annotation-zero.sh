#!/usr/bin/env bash
# In COCO evaluation a perfect answer scores 0 where the annotation's id is 0.
#
# Guess:     ids are names: numbering annotations from 0, as every list does, changes no score.
# Version:   pycocotools 2.0.11 and faster-coco-eval 1.8.0, CPython 3.11, x86-64 Linux.
# Behaviour: a detection remembers the id of its match, and 0 stands for none, so that the match with annotation 0 counts as a
#            false alarm, the best-scored one here. One cell: AP 0 for 1. Four cells: 0.56. Nothing is said on loading, and a
#            file with ids from 1 scores 1.
# Seen:      pycocotools: 1 of 1 found: AP 1.00 with ids from 1, 0.00 from 0
#            pycocotools: 4 of 4 found: AP 1.00 with ids from 1, 0.56 from 0
#            faster-coco-eval: 1 of 1 found: AP 1.00 with ids from 1, 0.00 from 0
#            faster-coco-eval: 4 of 4 found: AP 1.00 with ids from 1, 0.56 from 0
#
# It installs both and what they need (250 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" pycocotools==2.0.11 faster-coco-eval==1.8.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import contextlib
import io
import sys
import faster_coco_eval
import pycocotools.coco
import pycocotools.cocoeval


def average_precision(cells, first_id, fast):
    boxes = [[30.0 * i, 10.0, 20.0, 20.0] for i in range(cells)]
    outlines = [[[x, y, x + w, y, x + w, y + h, x, y + h]] for x, y, w, h in boxes]
    truth = {"info": {}, "images": [{"id": 1, "width": 400, "height": 100}], "categories": [{"id": 1, "name": "cell"}],
             "annotations": [{"id": first_id + i, "image_id": 1, "category_id": 1, "segmentation": outlines[i],
                              "bbox": boxes[i], "area": 400.0, "iscrowd": 0} for i in range(cells)]}
    with contextlib.redirect_stdout(io.StringIO()):
        if fast:
            coco, judge = faster_coco_eval.COCO(truth), faster_coco_eval.COCOeval_faster
        else:
            coco, judge = pycocotools.coco.COCO(), pycocotools.cocoeval.COCOeval
            coco.dataset = truth
            coco.createIndex()
        found = [{"image_id": 1, "category_id": 1, "segmentation": coco.annToRLE(cell), "score": 0.9 - 0.1 * i}
                 for i, cell in enumerate(truth["annotations"])]
        evaluation = judge(coco, coco.loadRes(found), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


seen = {}
for fast in (False, True):
    for cells in (1, 4):
        seen[fast, cells] = [average_precision(cells, first, fast) for first in (1, 0)]
        print(f"{'faster-coco-eval' if fast else 'pycocotools'}: {cells} of {cells} found: AP {seen[fast, cells][0]:.2f}",
              f"with ids from 1, {seen[fast, cells][1]:.2f} from 0")
sys.exit(0 if all(one > 0.99 and zero < 0.7 for one, zero in seen.values()) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
