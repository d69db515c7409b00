# The Debian part of deps.sh: what is probed for, which package brings it, and how it is installed. Sourced, not run.
#
# A thing is missing when its probe fails, whatever package database there is: a compiler of one's own counts.

# plan_packages core|gpu|lint|gate|monitoring|fuzz|coverage|package|mpi
plan_packages() {
    case $1 in
    core | gpu)
        probe gcc needs_command "${CC:-gcc}"
        probe g++ needs_command "${CXX:-g++}"
        probe libc6-dev needs_header stdio.h
        probe libjansson-dev needs_header jansson.h
        [ "$1" = core ] || return 0
        probe libdnnl-dev needs_onednn
        probe libspng-dev needs_header spng.h
        probe libjpeg-dev needs_header stdio.h jpeglib.h
        probe libtiff-dev needs_header tiffio.h
        probe libexpat1-dev needs_header expat.h
        probe zlib1g-dev needs_header zlib.h
        probe libzip-dev needs_header zip.h
        probe libmicrohttpd-dev needs_header microhttpd.h
        probe libcurl4-openssl-dev needs_header curl/curl.h
        probe libopencv-imgproc-dev needs_opencv
        probe libcmocka-dev needs_header setjmp.h stdarg.h stddef.h stdint.h cmocka.h
        probe python3-numpy needs_numpy
        probe locales needs_german
        probe gnuplot-nox needs_command gnuplot
        probe fonts-dejavu-core needs_font
        probe perl needs_command prove
        ;;
    lint) probe clang-format needs_command clang-format ;;
    gate) probe valgrind needs_command valgrind ;;
    monitoring) probe prometheus needs_command promtool ;;
    fuzz)
        probe clang needs_command clang
        probe libclang-rt-14-dev needs_fuzzer
        ;;
    coverage) probe gcovr needs_command gcovr ;;
    package)
        probe debhelper needs_command dh
        probe lintian needs_command lintian
        probe man-db needs_command man
        ;;
    mpi)
        probe libopenmpi-dev needs_command mpicc
        probe openmpi-bin needs_command mpirun
        ;;
    esac
}

# probe PACKAGE COMMAND...
probe() {
    local package=$1
    shift
    "$@" || packages_missing="$packages_missing $package"
}

needs_command() { command -v "$1" >/dev/null; }

# The last header is the one asked about; those before it are what it wants first.
needs_header() {
    printf '#include <%s>\n' "$@" | ${CC:-gcc} -I.deps/jansson/include ${CPPFLAGS:-} ${CFLAGS:-} -E -x c - >/dev/null 2>&1
}

# The compiled plan is written for oneDNN 2.
needs_onednn() {
    printf '#include <oneapi/dnnl/dnnl.h>\n#if DNNL_VERSION_MAJOR != 2\n#error\n#endif\n' |
        ${CC:-gcc} ${CPPFLAGS:-} ${CFLAGS:-} -E -x c - >/dev/null 2>&1
}

needs_fuzzer() {
    printf 'int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size);\n%s\n' \
        'int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) { return data && size > 5 ? 0 : 0; }' |
        clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null
}

needs_opencv() {
    printf '#include <opencv2/imgproc.hpp>\n' |
        ${CXX:-g++} -I/usr/include/opencv4 ${CPPFLAGS:-} ${CXXFLAGS:-} -E -x c++ - >/dev/null 2>&1
}

# Any Python will do; find_python in tests/lib/tap.sh takes the same one.
needs_numpy() {
    local python
    for python in ${PYTHON:-} python3 /usr/bin/python3; do
        "$python" -c 'import numpy' 2>/dev/null && return
    done
    return 1
}

# Tests build a locale with decimal commas from its source, where the system has none ready.
needs_german() {
    LC_ALL=de_DE.UTF-8 locale decimal_point 2>/dev/null | grep -qx , ||
        { command -v localedef >/dev/null && [ -e /usr/share/i18n/locales/de_DE ]; }
}

# Plots name DejaVu Sans; fontconfig finds it in the user's own folders too.
needs_font() {
    [ -n "$(find /usr/share/fonts -name 'DejaVuSans.ttf' -print -quit 2>/dev/null)" ] ||
        fc-list 2>/dev/null | grep 'DejaVu Sans:' >/dev/null
}

# Can this user install packages at all? Asked before anything is begun; sets `sudo`.
check_installer() {
    sudo=''
    [ -n "$packages_missing" ] || return 0
    command -v apt-get >/dev/null ||
        fail 1 "this is no Debian; install what these Debian packages bring, then run it again:$packages_missing"
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null || fail 1 "ask an administrator to run: apt-get install$packages_missing"
    sudo=sudo
    [ -t 0 ] || sudo='sudo -n'
}

install_packages() {
    [ -n "$packages_missing" ] || return 0
    say "installing packages (log: .deps/apt.log)"
    : >.deps/apt.log
    # An empty or outdated package list is told by apt itself: refresh it only then.
    apt_get install --simulate $packages_missing >>.deps/apt.log 2>&1 || refresh_lists
    if ! try 3 install_or_refresh; then
        fail 1 "apt-get failed: $(grep -m 1 -E '^E:|Permission|password' .deps/apt.log || tail -n 1 .deps/apt.log)"
    fi
    local wanted=$packages_missing
    plan "$parts"
    [ -z "$packages_missing" ] || fail 1 "still missing after installing$wanted: what$packages_missing bring"
}

apt_get() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
        "$@" 8>&- 9>&- </dev/null
}

refresh_lists() {
    say "refreshing the package list"
    apt_get update >>.deps/apt.log 2>&1 || true # the install that follows says what is wrong
}

install_or_refresh() {
    apt_get install $packages_missing >>.deps/apt.log 2>&1 && return
    refresh_lists
    return 1
}
