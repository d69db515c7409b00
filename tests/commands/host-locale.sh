#!/usr/bin/env bash
# The Python module in a host program with a German's locale: tests/python/test_host_locale.py, which speaks TAP itself.
. tests/lib/tap.sh
. tests/lib/host-locale.sh
find_python || skip_all 'no Python here has numpy'
find_locale de_DE.UTF-8 "$scratch/locales" || skip_all "no de_DE.UTF-8 here, and it cannot be built: Debian's package locales"
LC_ALL=de_DE.UTF-8 PYTHONDONTWRITEBYTECODE=1 "$python" tests/python/test_host_locale.py
