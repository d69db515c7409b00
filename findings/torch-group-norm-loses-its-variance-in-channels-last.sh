#!/usr/bin/env bash
# PyTorch's GroupNorm loses a picture whose mean is large, in channels_last alone.
#
# Guess:     how a tensor lies in memory changes how fast a norm is, not what it computes; and GroupNorm with a group for each
#            channel is InstanceNorm, for which it stands in where that layout is to be kept.
# Version:   torch 2.15.0, CPU, CPython 3.11, x86-64 Linux.
# Behaviour: in channels_last the variance is the mean of squares minus the square of the mean, in float32. At a mean of 100 and
#            a spread of 1 the result is off by a tenth of the spread; at 1,000 the variance comes out as zero, and the result is
#            hundreds of times too large. The same tensor, contiguous, is right, and so is InstanceNorm in both layouts.
# Seen:      mean    0: GroupNorm off by 0.00, in channels_last by    0.00; InstanceNorm there by 0.00
#            mean  100: GroupNorm off by 0.00, in channels_last by    0.11; InstanceNorm there by 0.00
#            mean 1000: GroupNorm off by 0.00, in channels_last by 1350.63; InstanceNorm there by 0.00
#
# It installs torch 2.15.0 and numpy into a folder of its own (several GB), and wants Python 3.11. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" torch==2.15.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import torch
from torch.nn.functional import group_norm, instance_norm

torch.manual_seed(0)
noise, seen = torch.randn(2, 48, 64, 64, dtype=torch.float64), []
for mean in (0, 100, 1000):
    x = (noise + mean).float()
    wide = x.double()
    exact = (wide - wide.mean((2, 3), keepdim=True)) / (wide.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    last = x.to(memory_format=torch.channels_last)
    results = group_norm(x, 48), group_norm(last, 48), instance_norm(last)
    seen.append([(result.double() - exact).abs().max().item() for result in results])
    print(f"mean {mean:4}: GroupNorm off by {seen[-1][0]:.2f}, in channels_last by {seen[-1][1]:7.2f};",
          f"InstanceNorm there by {seen[-1][2]:.2f}")
right = [off for group, last, instance in seen for off in (group, instance)] + [seen[0][1]]
sys.exit(0 if max(right) < 0.01 and seen[1][1] > 0.05 and not seen[2][1] < 10 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
