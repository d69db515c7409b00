#!/usr/bin/env bash
# safetensors writes a conjugated tensor without its conjugation.
#
# Guess:     load_file() gives back what save_file() was given, by torch.equal, as torch.load does of torch.save; or save_file
#            refuses, as it does where a tensor is not contiguous. (Having met the flags below in torch.save, we had doubts.)
# Version:   safetensors 0.8.0 with torch 2.15.0, CPU (x86-64, Linux), CPython 3.11.
# Behaviour: torch keeps conjugation and negation as flags beside bytes that stay as they were; safetensors writes the bytes, and
#            has no place for flags. Nothing is said. resolve_conj() or clone() before saving helps;
#            contiguous(), which safetensors advises elsewhere, does not.
# Seen:      torch.save, z.conj(): equal
#            safetensors, z.conj(): another, tensor([1.+2.j]) for tensor([1.-2.j])
#            safetensors, z.conj().resolve_conj(): equal
#            safetensors, z.conj().contiguous(): another, tensor([1.+2.j]) for tensor([1.-2.j])
#            safetensors, z.conj().clone(): equal
#
# It installs torch 2.15.0 and safetensors 0.8.0 into a folder of its own (several GB). It ends with 0 while they behave so, with 1
# where they do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import io
import os
import sys
import safetensors.torch
import torch

path = os.path.join(os.path.dirname(__file__), "saved.safetensors")


def by_torch(tensor):
    file = io.BytesIO()
    torch.save(tensor, file)
    file.seek(0)
    return torch.load(file)


def by_safetensors(tensor):
    safetensors.torch.save_file({"it": tensor}, path)
    return safetensors.torch.load_file(path)["it"]


def came(tensor, saves):
    loaded = saves(tensor)
    return "equal" if torch.equal(loaded, tensor) else f"another, {loaded} for {tensor}"


z = torch.tensor([1 + 2j])
seen = {
    "torch.save, z.conj()": came(z.conj(), by_torch),
    "safetensors, z.conj()": came(z.conj(), by_safetensors),
    "safetensors, z.conj().resolve_conj()": came(z.conj().resolve_conj(), by_safetensors),
    "safetensors, z.conj().contiguous()": came(z.conj().contiguous(), by_safetensors),
    "safetensors, z.conj().clone()": came(z.conj().clone(), by_safetensors),
}
for what, result in seen.items():
    print(f"{what}: {result}")
sys.exit(0 if [result == "equal" for result in seen.values()] == [True, False, True, False, True] else 1)
PYTHON
python3 -W ignore "$folder/show.py"
