#!/usr/bin/env bash
# A cell with a hole, exported as COCO by supervision, is a crowd that no evaluation asks for.
#
# Guess:     iscrowd is 0 for a mask of one object, which may have holes or two parts; run lengths hold such a mask as well.
# Version:   supervision 0.31.2 and pycocotools 2.0.11, CPython 3.11, x86-64 Linux.
# Behaviour: as_coco() sets iscrowd to 1 for every mask with a hole or more than one part. COCO evaluation takes that as
#            "ignore": where of two cells the one with a hole is missed, recall is 1 and AP is 1. All ring-shaped cells and all
#            that a scratch divides leave the test, without a word.
# Seen:      plain cell: iscrowd 0; cell with a hole: iscrowd 1, area 1500
#            the cell with a hole is missed: AP 1.00, recall 1.00
#
# It installs supervision, OpenCV and what they need (400 MB) into a folder of its own, and wants Python 3.11 or newer. It ends
# with 0 while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" supervision==0.31.2 opencv-python-headless==5.0.0.93 \
    pycocotools==2.0.11 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import contextlib
import io
import os
import sys
import cv2
import numpy
import supervision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

folder = os.path.dirname(__file__)
picture, path = os.path.join(folder, "cells.png"), os.path.join(folder, "truth.json")
cv2.imwrite(picture, numpy.zeros((100, 200, 3), "uint8"))
masks = numpy.zeros((2, 100, 200), bool)
masks[0, 20:60, 20:60] = True
masks[1, 20:60, 120:160] = True
masks[1, 35:45, 135:145] = False
cells = supervision.Detections(xyxy=supervision.mask_to_xyxy(masks).astype(float), mask=masks, class_id=numpy.zeros(2, int))
data = supervision.DetectionDataset(classes=["cell"], images=[picture], annotations={picture: cells})
with contextlib.redirect_stdout(io.StringIO()):
    data.as_coco(annotations_path=path)
    truth = COCO(path)
    plain, ring = truth.loadAnns(truth.getAnnIds())
    found = truth.loadRes([{"image_id": plain["image_id"], "category_id": plain["category_id"], "score": 0.9,
                            "segmentation": truth.annToRLE(plain)}])
    evaluation = COCOeval(truth, found, "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
precision, recall = evaluation.stats[0], evaluation.stats[8]
print(f"plain cell: iscrowd {plain['iscrowd']}; cell with a hole: iscrowd {ring['iscrowd']}, area {ring['area']:.0f}")
print(f"the cell with a hole is missed: AP {precision:.2f}, recall {recall:.2f}")
sys.exit(0 if (plain["iscrowd"], ring["iscrowd"]) == (0, 1) and precision > 0.99 and recall > 0.99 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
