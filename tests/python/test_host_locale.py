"""The Python module in a host whose locale has decimal commas, as napari, Qt and R programs have in most of Europe.

    tests/run host-locale

It wants the locale: LC_ALL names it, LOCPATH leads to it where the system lacks it."""

import asyncio
import json
import locale
import os
import pathlib
import re
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("O", "build")
sys.path[:0] = [str(ROOT / "shim" / "python"), str(ROOT / "tests" / "lib")]
os.environ["BATCHTUNE_LIBRARY"] = str(BUILD / "lib" / "libbatchtune.so.0")

import batchtune  # noqa: E402
import tap  # noqa: E402

FAST = "sim:tau0_ms=0.5,alpha_ms=0.05,noise=0.05,echo=true"


class HostLocale(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="batchtune-locale-")
        self.addCleanup(folder.cleanup)
        self.config = os.path.join(folder.name, "config.json")
        with open(self.config, "w") as out:
            json.dump({"schema_version": 1, "workload": "simulated",
                       "settings": {"backend": FAST, "max_queue_delay_ms": 1.5, "p95_sla_ms": 99.5},
                       "configurations": {"hrnet": {"optimal_batch_size": 4, "image_size": 16}}}, out)

    def test_the_locale_has_a_decimal_comma(self):
        self.assertEqual(locale.localeconv()["decimal_point"], ",")

    def test_a_service_starts_and_answers(self):
        async def use():
            service = batchtune.Service(config=self.config, models=["hrnet"], image_size=None)
            await service.start()
            try:
                return await service.infer(np.full((3, 5, 3), 255, np.uint8), "hrnet", threshold=0.75)
            finally:
                await service.stop()
        result = asyncio.run(use())
        self.assertTrue(result.mask.all())

    def test_settings_are_read_with_their_dots(self):
        service = batchtune.Service(config=self.config, settings={"max_queue_delay_ms": 0.25, "watchdog_ms": 2500.5})
        service.start_sync()
        self.addCleanup(service.stop_sync)
        service.set({"max_queue_delay_ms": 2.5}, "hrnet")
        with self.assertRaisesRegex(batchtune.InvalidRequest, r"-0\.5.* is below 0"):
            service.set({"max_queue_delay_ms": -0.5}, "hrnet")

    def test_metrics_have_dots(self):
        service = batchtune.Service(config=self.config)
        service.start_sync()
        self.addCleanup(service.stop_sync)
        for value in range(8):
            service.infer_sync(np.full((3, 5, 3), value, np.uint8), "hrnet")
        metrics = service.get_metrics()["hrnet"]
        self.assertEqual(metrics["ok"], 8)
        self.assertEqual(metrics["p95_sla_ms"], 99.5)
        text = service.get_prometheus_metrics()
        self.assertIn("0.0995", text)
        values = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line and not line.startswith("#")]
        self.assertGreater(len(values), 20)
        for value in values:
            float(value)  # Python's own reading knows no locale
        self.assertTrue(any("." in value for value in values))
        self.assertFalse(re.search(r"\d,\d", text))

    def test_errors_have_dots(self):
        with self.assertRaisesRegex(batchtune.InvalidRequest, r"threshold.*1\.5"):
            batchtune.find_polygons(np.zeros((4, 4), np.float32), threshold=1.5)


if __name__ == "__main__":
    locale.setlocale(locale.LC_ALL, "")
    unittest.main(testRunner=tap.Runner)
