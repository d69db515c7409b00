"""unittest's tests as TAP lines, which tests/run counts: `unittest.main(testRunner=tap.Runner)`."""

import sys
import traceback
import unittest


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0

    def _say(self, good, test, more="", comment=""):
        self.count += 1
        name = test._testMethodName.replace("test_", "", 1) if hasattr(test, "_testMethodName") else str(test)
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{more}", flush=True)
        for line in comment.splitlines():
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        self._say(True, test)

    def addSkip(self, test, reason):
        self._say(True, test, f" # SKIP {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._say(False, test, comment="".join(traceback.format_exception(*error)))

    def addError(self, test, error):
        super().addError(test, error)
        self._say(False, test, comment="".join(traceback.format_exception(*error)))

    def addSubTest(self, test, subtest, error):
        if error:
            self.addFailure(test, error)


class Runner:
    def __init__(self, **options):
        pass

    def run(self, tests):
        result = _Result()
        tests(result)
        print(f"1..{result.count}", flush=True)
        return result


if __name__ == "__main__":
    sys.exit("tap.py is for other tests to import")
