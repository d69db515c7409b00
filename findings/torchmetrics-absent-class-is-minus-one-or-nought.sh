#!/usr/bin/env bash
# The IoU that torchmetrics gives by class, of a class that neither map has, is -1 from one of its metrics and 0 from the other.
#
# Guess:     of a class without a pixel in either map there is no intersection over union: both metrics of it give NaN there, so
#            that a mean by hand over the classes (nanmean) is the mean that they give.
# Version:   torchmetrics 1.8.2, torch 2.15.0, CPython 3.11, x86-64 Linux.
# Behaviour: MeanIoU(per_class=True) gives -1, and MulticlassJaccardIndex(average="none") gives 0. Their own means leave the class
#            out, and are the same number; a mean over what either gives by class is another: -1 and 0 count, and nothing warns.
# Seen:      by themselves 0.5833 0.5833
#            MeanIoU by class [0.5, 0.6667, -1.0], whose mean is 0.0556
#            Jaccard by class [0.5, 0.6667, 0.0], whose mean is 0.3889
#
# It installs these packages (200 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" torch==2.15.0 numpy==2.4.6 torchmetrics==1.8.2
cat >"$folder/show.py" <<'PYTHON'
import sys

import torch
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.segmentation import MeanIoU

# Of class 0 one pixel of two, of class 1 two of three; class 2 is in neither.
wanted, given = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1, 1]])


def of(metric):
    metric.update(given, wanted)
    return metric.compute()


def rounded(values):
    return [round(value, 4) for value in values.tolist()]


mean, jaccard = of(MeanIoU(num_classes=3, input_format="index")), of(MulticlassJaccardIndex(num_classes=3))
print("by themselves", round(mean.item(), 4), round(jaccard.item(), 4))
by_class = of(MeanIoU(num_classes=3, input_format="index", per_class=True))
by_jaccard = of(MulticlassJaccardIndex(num_classes=3, average="none"))
print("MeanIoU by class %s, whose mean is %.4f" % (rounded(by_class), by_class.nanmean()))
print("Jaccard by class %s, whose mean is %.4f" % (rounded(by_jaccard), by_jaccard.nanmean()))
alike = abs(mean - 7 / 12) < 1e-6 and abs(jaccard - 7 / 12) < 1e-6
sys.exit(0 if alike and by_class[2] == -1 and by_jaccard[2] == 0 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
