"""A page of metrics as Prometheus's own client library reads it, in both formats. Speaks TAP.

    test_metrics.py http://127.0.0.1:PORT    of a server that nobody else asks for anything meanwhile
"""

import math
import os
import sys
import unittest
import urllib.request

from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_metrics_parser

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap

SERVER = sys.argv[1]
# what a scraper of version 2.42 sends
WANTS_OPEN_METRICS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def fetch(accept):
    request = urllib.request.Request(SERVER + "/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples_of(families):
    """Every sample by its name and labels; none may be there twice."""
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in found:
                raise AssertionError("twice: %r" % (key,))
            found[key] = sample.value
    return found


class Page(unittest.TestCase):
    def setUp(self):
        self.older_type, older = fetch("text/plain")
        self.newer_type, newer = fetch(WANTS_OPEN_METRICS)
        self.older = list(parser.text_string_to_metric_families(older))
        self.newer = list(open_metrics_parser.text_string_to_metric_families(newer))

    def test_each_format_says_which_it_is(self):
        self.assertEqual(self.older_type, "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(self.newer_type, "application/openmetrics-text; version=1.0.0; charset=utf-8")

    def test_both_formats_have_the_same_series(self):
        older, newer = samples_of(self.older), samples_of(self.newer)
        self.assertEqual(set(older), set(newer))
        self.assertGreater(len(older), 100)
        counted = {key for key in older if key[0].startswith("batchtune_request_latency_seconds_")}
        self.assertGreater(len(counted), 40)
        for key in counted:
            self.assertEqual(older[key], newer[key], key)

    def test_every_family_has_a_type_a_help_and_a_base_unit(self):
        for family in self.newer:
            self.assertNotIn(family.type, ("unknown", "untyped"), family.name)
            self.assertTrue(family.documentation, family.name)
            if family.name.endswith(("_seconds", "_bytes", "_ratio")):
                self.assertEqual(family.unit, family.name.rsplit("_", 1)[1])

    def test_histograms_add_up(self):
        """The last bucket holds all, none holds less than the one before, and every replica has the same."""
        families = {f.name: f for f in self.newer if f.type == "histogram"}
        self.assertLessEqual(
            {"batchtune_request_latency_seconds", "batchtune_request_queue_seconds", "batchtune_batch_size",
             "batchtune_request_service_seconds", "batchtune_request_preprocess_seconds"}, set(families))
        for name, family in families.items():
            buckets = [s for s in family.samples if s.name == name + "_bucket"]
            count = [s.value for s in family.samples if s.name == name + "_count"]
            self.assertEqual(buckets[-1].labels["le"], "+Inf")
            self.assertEqual(buckets[-1].value, count[0])
            self.assertEqual([s.value for s in buckets], sorted(s.value for s in buckets))
            for sample in buckets:
                self.assertIn(".", sample.labels["le"].replace("+Inf", "."))

    def test_no_label_is_one_that_a_scraper_has_for_itself(self):
        for family in self.newer:
            for sample in family.samples:
                self.assertFalse({"instance", "job"} & set(sample.labels), sample)
                self.assertFalse(math.isnan(sample.value) and "quantile" not in sample.labels, sample)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], testRunner=tap.Runner)
