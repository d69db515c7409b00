#!/usr/bin/env bash
# Builds the version to compare with in a git worktree of its own, and lets both take turns (perf-gate run).
#
#   tools/setup/perf-gate.sh BASE [options of perf-gate run]      from `make perf-gate BASE=REF ARGS="..."`
#
# Only the old version's gate-probe and what it is made of are built, in build/perf-gate/base, which is kept: the
# next run builds what differs. A clean tree that is BASE itself is compared with its parent. Exit codes are
# perf-gate's: 4 where there is nothing to compare with.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tools/setup/say.sh
say() { echo "perf-gate: $*"; }
warn() { echo "perf-gate: $*" >&2; }
build=${O:-build}
tree=build/perf-gate/base

# incomparable WHY: the verdict where no comparison can be begun, in whatever form was asked for.
incomparable() {
    exec "$build/bin/perf-gate" run --base-missing "$*" --head-name "$head_name" "${options[@]}"
}

# refuse WHAT: bad input.
refuse() {
    warn "$*"
    echo 'verdict: bad-input (2)'
    exit 2
}

name_of() { git log -1 --format='%h %s' "$1" | cut -c 1-100; }

[ $# -ge 1 ] || refuse 'usage: tools/setup/perf-gate.sh BASE [options]'
base=$1 head_name='the working tree'
shift
options=("$@")
git rev-parse --git-dir >/dev/null 2>&1 || incomparable 'this is no git repository, so there is no version to compare with'
commit=$(git rev-parse --verify --quiet "$base^{commit}") || {
    git rev-parse --verify --quiet HEAD >/dev/null && [ "$base" = HEAD~1 ] &&
        incomparable 'HEAD has no parent here (a shallow clone? git fetch --deepen 1)'
    refuse "BASE=$base is no version that git knows here"
}
head_name=$(name_of HEAD)
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    head_name="working tree on $head_name"
elif [ "$commit" = "$(git rev-parse HEAD)" ]; then
    commit=$(git rev-parse --verify --quiet 'HEAD~1^{commit}') ||
        incomparable "BASE is HEAD, the tree is clean, and HEAD has no parent here (a shallow clone? git fetch --deepen 1)"
    say "BASE is what is here; comparing with its parent"
fi

wait_for_lock build/perf-gate.lock 7
mkdir -p build/perf-gate
git worktree prune
if [ -e "$tree/.git" ] && git -C "$tree" checkout --quiet --force --detach "$commit" 2>/dev/null; then :; else
    git worktree remove --force "$tree" 2>/dev/null
    rm -rf "$tree"
    git worktree add --quiet --force --detach "$tree" "$commit" || fail 1 "git could not check out $commit"
fi
[ -f "$tree/tools/gate-probe.c" ] ||
    incomparable "$(name_of "$commit") has no gate-probe, so it cannot be measured; compare with a later version"

# What is fetched is shared, and nothing more is fetched for the old version.
[ -e "$tree/.deps" ] || ln -s "$PWD/.deps" "$tree/.deps"
say "building $(name_of "$commit")"
env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u O OFFLINE=1 make -C "$tree" -j"$(nproc)" --no-print-directory \
    build/bin/gate-probe >build/perf-gate/build.log 2>&1 || {
    tail -n 5 build/perf-gate/build.log >&2
    incomparable "$(name_of "$commit") cannot be built here (build/perf-gate/build.log)"
}

# Without what tells two builds of one source apart: debug information, the build's own number.
strip_for_gate() {
    objcopy --strip-debug --remove-section=.note.gnu.build-id "$1" "$2" || cp "$1" "$2"
}
strip_for_gate "$tree/build/bin/gate-probe" build/perf-gate/base-probe
strip_for_gate "$build/bin/gate-probe" build/perf-gate/head-probe

"$build/bin/perf-gate" run --base build/perf-gate/base-probe --head build/perf-gate/head-probe \
    --base-name "$(name_of "$commit")" --head-name "$head_name" "${options[@]}"
