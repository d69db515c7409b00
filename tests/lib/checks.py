"""Checks of scripts that speak TAP as they go, as those of tests/lib/tap.sh."""

import sys

count = failed = 0


def ok(passed, name, why=""):
    global count, failed
    count += 1
    failed += not passed
    print("%sok %d - %s" % ("" if passed else "not ", count, name))
    if not passed and why:
        print("# " + str(why).replace("\n", "\n# "))


def is_(got, wanted, name):
    ok(got == wanted, name, "wanted: %r\n   got: %r" % (wanted, got))


def done():
    print("1..%d" % count)
    sys.exit(1 if failed else 0)
