"""TAP for the tests in Python: what tests/lib/tap.sh is for those in shell.

`ok` and `is_` print a check's line, and why it failed; the script goes on. Import them; the count is the process's.
"""

count = failed = 0


def ok(passed, name, why=""):
    global count, failed
    count += 1
    failed += not passed
    print("%sok %d - %s" % ("" if passed else "not ", count, name), flush=True)
    if not passed and why != "":
        print("# " + str(why).replace("\n", "\n# "), flush=True)
    return passed


def is_(got, wanted, name):
    return ok(got == wanted, name, "wanted: %r\n   got: %r" % (wanted, got))
