#!/usr/bin/env bash
# Debian packages of this tree, with what packaging/debian says: `make deb`.
#
#   tools/package/deb.sh VERSION        build/deb receives the .deb files
#
# What is packaged is what `make install` puts there, without libtorch's shim, whose libtorch is this tree's. The names
# in the packages are those of DEBFULLNAME and DEBEMAIL; times in them are the last commit's, so that the same tree
# gives the same packages.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."
version=$1
folder=build/deb
stage=$folder/batchtune-$version
maintainer="${DEBFULLNAME:-batchtune} <${DEBEMAIL:-batchtune@$(hostname -f)}>"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

command -v dh >/dev/null || {
    echo 'make deb: debhelper is missing: apt-get install debhelper fakeroot' >&2
    exit 1
}
rm -rf "$folder"
mkdir -p "$stage"
cp -R packaging/debian "$stage/"
sed -i "s|@MAINTAINER@|$maintainer|" "$stage/debian/control"
cat >"$stage/debian/changelog" <<END
batchtune ($version) unstable; urgency=medium

  * What changed is in CHANGELOG.md.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
export BATCHTUNE_TREE=$PWD
(cd "$stage" && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS DEB_RULES_REQUIRES_ROOT=no debian/rules binary >../dh.log 2>&1) || {
    tail -n 20 "$folder/dh.log" >&2
    exit 1
}
ls "$folder"/*.deb
