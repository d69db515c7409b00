"""How pip builds the wheel (PEP 517): make builds the library, setuptools the wheel around it, and auditwheel puts
into it whatever the library links that not every Linux has.

oneDNN and OpenCV's part are loaded by name, which auditwheel cannot see, and so lie beside the library; likewise
libX11, which Debian's OpenCV links, and which auditwheel takes to be on every Linux. libtorch's shim stays out: its
libtorch is larger than a wheel should be. Everything is made in build/wheel."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import build_meta

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAGE = ROOT / "build" / "wheel"
BUILT = ["build/lib/libbatchtune.so.0", "build/lib/libbatchtune_contours.so"]
UNSEEN = ["libdnnl.so.2", "libX11.so.6"]


def _run(*command, **options):
    return subprocess.run(command, check=True, **options)


def _make_libraries():
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    _run("make", "--no-print-directory", f"-j{os.cpu_count() or 1}", *BUILT, cwd=ROOT, env=environment)


def _system_library(name):
    """Where the dynamic loader finds it."""
    listed = _run("ldconfig", "-p", stdout=subprocess.PIPE, text=True,
                  env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}).stdout
    found = re.search(rf"^\s*{re.escape(name)} .*=> (\S+)$", listed, re.MULTILINE)
    if not found:
        raise SystemExit(f"{name} is not on this machine: run `make deps-core`")
    return found.group(1)


def _stage_package():
    package = STAGE / "batchtune"
    shutil.rmtree(STAGE, ignore_errors=True)
    package.mkdir(parents=True)
    for name in ("pyproject.toml", "VERSION", "docs/python.md"):
        (STAGE / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, STAGE / name)
    shutil.copy(ROOT / "shim/python/batchtune.py", package / "__init__.py")
    for library in [*(ROOT / name for name in BUILT), *map(_system_library, UNSEEN)]:
        copy = package / pathlib.Path(library).name
        shutil.copy(library, copy)
        _run("strip", "--strip-unneeded", str(copy))
    for name in BUILT:
        _run("patchelf", "--force-rpath", "--set-rpath", "$ORIGIN", str(package / pathlib.Path(name).name))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    target = os.path.abspath(wheel_directory)
    _make_libraries()
    _stage_package()
    os.chdir(STAGE)
    for_this_machine = {"--build-option": ["--plat-name=linux_x86_64", "--python-tag=py3"]}
    name = build_meta.build_wheel(str(STAGE / "plain"), for_this_machine)
    _run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(STAGE / "whole"), str(STAGE / "plain" / name))
    whole, = (STAGE / "whole").glob("*.whl")
    shutil.copy(whole, target)
    return whole.name
