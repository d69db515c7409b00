#!/usr/bin/env bash
# A package of AOTInductor that is labelled AVX2 was compiled for all that its maker's CPU has.
#
# Guess:     ATEN_CPU_CAPABILITY=avx2 makes a package for CPUs with AVX2, and its AOTI_CPU_ISA, "AVX2", says what it needs.
# Version:   torch 2.15.0, CPU (x86-64, Linux), CPython 3.11.
# Behaviour: the label is the width that Inductor's own vector code was written for; the C++ compiler still gets -march=native,
#            and may use whatever that CPU has. On one with AVX-512 the "AVX2" package has AVX-512's registers in its code,
#            and would end by SIGILL on one without. TORCHINDUCTOR_CPP_MARCH=x86-64-v3 beside it makes the label true.
# Seen:      ATEN_CPU_CAPABILITY=avx2                                    label AVX2, compiled with -march=native
#            ATEN_CPU_CAPABILITY=avx2 TORCHINDUCTOR_CPP_MARCH=x86-64-v3  label AVX2, compiled with -march=x86-64-v3
#
# It installs torch 2.15.0 into a folder of its own (several GB), and wants Python 3.10 or newer with its headers, g++, and a CPU with
# AVX2. It ends with 0 while torch behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python ATEN_CPU_CAPABILITY=avx2
python3 -m pip install -q --target "$folder/python" torch==2.15.0 setuptools==84.2.1 sympy==1.14.0
cat >"$folder/make.py" <<'PYTHON'
import json
import os
import re
import sys
import tempfile
import torch
import zipfile

network = torch.nn.Conv2d(3, 1, 3, padding=1).eval()
path = os.path.join(tempfile.mkdtemp(), "network.pt2")
with torch.no_grad():
    program = torch.export.export(network, (torch.rand(1, 3, 64, 64),))
    torch._inductor.aoti_compile_and_package(program, package_path=path)
with zipfile.ZipFile(path) as package:
    texts = {name: package.read(name).decode() for name in package.namelist() if name.endswith((".json", ".cpp"))}
labels = {json.loads(text)["AOTI_CPU_ISA"] for name, text in texts.items() if name.endswith("_metadata.json")}
marches = {march for name, text in texts.items() if name.endswith(".cpp") for march in re.findall(r"-march=\S+", text)}
print("label", *sorted(labels), "compiled with", *sorted(marches))
PYTHON
by_itself=$(env -u TORCHINDUCTOR_CPP_MARCH python3 -W ignore "$folder/make.py" 2>/dev/null)
told=$(TORCHINDUCTOR_CPP_MARCH=x86-64-v3 python3 -W ignore "$folder/make.py" 2>/dev/null)
printf '%s\n' "$by_itself" "$told"
[ "$by_itself" = 'label AVX2 compiled with -march=native' ] && [ "$told" = 'label AVX2 compiled with -march=x86-64-v3' ]
