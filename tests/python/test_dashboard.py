"""What the dashboard and the alert rules ask Prometheus for is there. Standard library only.

    test_dashboard.py DASHBOARD RULES PAGE rules     the dashboard's queries as a file of rules, for promtool to parse
    test_dashboard.py DASHBOARD RULES PAGE names     speaks TAP: every name that they use is on the page of metrics
"""

import json
import re
import sys

DASHBOARD, RULES, PAGE, WHAT = sys.argv[1:]
NAME = re.compile(r"\b(?:batchtune[_:]|process_)[a-z0-9_:]+")


def queries():
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def plain(expression):
    """As Grafana sends it."""
    expression = expression.replace("$__rate_interval", "1m")
    return re.sub(r"\$(job|model)\b", ".*", expression)


def write_rules():
    print("groups:\n  - name: dashboard\n    rules:")
    for number, (_, expression) in enumerate(queries()):
        print("      - record: query_%d\n        expr: %s" % (number, json.dumps(plain(expression))))


def names_of_page():
    """Those of its samples, and of families that have none here: a GPU's, say."""
    ends = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"], "summary": ["", "_sum", "_count"]}
    found = set()
    with open(PAGE, encoding="utf-8") as file:
        for line in file:
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                found.update(name + end for end in ends[kind])
    return found


def check_names():
    count = failed = 0
    with open(RULES, encoding="utf-8") as file:
        rules = file.read()
    there = names_of_page() | set(re.findall(r"record: (\S+)", rules))
    used = [(title, NAME.findall(plain(expression))) for title, expression in queries()]
    used.append(("alert rules", NAME.findall(rules)))
    for title, names in used:
        missing = [name for name in names if name not in there]
        good = names and not missing
        count += 1
        failed += not good
        print("%sok %d - %s asks for what is there" % ("" if good else "not ", count, title))
        if not good:
            print("# missing: %s" % (missing or "any name"))
    print("1..%d" % count)
    return failed > 0


if __name__ == "__main__":
    sys.exit(write_rules() if WHAT == "rules" else check_names())
