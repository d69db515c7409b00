#!/usr/bin/env bash
# Sets up .deps/peers, the Python environment that `make bench-peers` runs batchtune's peers in: PyTorch and OpenVINO.
# Nothing else needs it. OFFLINE=1 never downloads; PYTHON=python3 names the Python (3.10 to 3.13).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/setup/say.sh

wanted='torch==2.15.0 openvino==2026.4.1 numpy'
home=.deps/peers

[ "$(cat .deps/peers.stamp 2>/dev/null)" != "$wanted" ] || exit 0
! is_offline || fail 1 "OFFLINE=1 and the peers' environment is missing: run make bench-peers once with a network"
mkdir -p .deps
wait_for_lock .deps/lock 8
python=${PYTHON:-python3}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    fail 1 "$python has no venv: apt-get install python3-venv"
fi
say "will install $wanted into $PWD/$home (about 3 GB to download, 6 GB on disk; log: .deps/peers.log)"
"$python" -m venv "$home"
try 3 "$home/bin/pip" install -q --no-cache-dir $wanted >.deps/peers.log 2>&1 8>&- ||
    fail 1 "pip: $(grep -m 1 -E 'broken by|Could not fetch|ERROR' .deps/peers.log | cut -c 1-300)"
echo "$wanted" >.deps/peers.stamp
say "done ($home)"
