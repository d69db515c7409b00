#!/usr/bin/env python3
"""Pictures of serve-production's page, as a browser draws it: at a phone's and a desk's width, light and dark.

    page_pictures.py BIN SECONDS FOLDER

Tunes HRNet with its demonstration weights on small pictures, serves it, sends it requests at random, and has a headless
Chromium open the page four times. They look at the server for so long, draw and send a picture, and
FOLDER/page-WIDTH-SCHEME.png are written. Whatever the page says to the console, asks of another host, or draws wider than
the window ends it with code 1. Standard library only: the browser is spoken to by its pipe.
"""

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

VIEWS = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]


class Browser:
    """Chromium's protocol over a pipe: JSON that ends in NUL, both ways."""

    def __init__(self, profile):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            sys.exit("page_pictures: there is no Chromium: apt-get install chromium")
        commands, self.out = os.pipe()
        self.back, answers = os.pipe()
        arguments = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank"]

        def place():  # where the browser looks for its two pipes
            os.dup2(commands, 30), os.dup2(answers, 31)
            os.dup2(30, 3), os.dup2(31, 4)
            os.nice(19)  # it must not slow what it looks at

        self.process = subprocess.Popen(arguments, preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands), os.close(answers)
        self.number, self.read, self.said = 0, b"", []

    def receive(self):
        while b"\0" not in self.read:
            got = os.read(self.back, 1 << 16)
            if not got:
                sys.exit("page_pictures: the browser ended")
            self.read += got
        message, self.read = self.read.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit("page_pictures: %s: %s" % (method, answer["error"]["message"]))
                return answer["result"]
            self.said.append(answer)

    def evaluate(self, session, script):
        result = self.call("Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True)
        return result["result"].get("value")

    def end(self):
        self.call("Browser.close")
        self.process.wait(30)


def open_view(browser, url, width, scheme):
    target = browser.call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=900, deviceScaleFactor=1,
                 mobile=width < 500)
    browser.call("Emulation.setEmulatedMedia", session, features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Emulation.setFocusEmulationEnabled", session, enabled=True)  # none of them is in the background
    for domain in ("Runtime", "Log", "Network", "Page"):
        browser.call(domain + ".enable", session)
    browser.call("Page.navigate", session, url=url)
    return session


def take(browser, session, path):
    size = browser.call("Page.getLayoutMetrics", session)["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    picture = browser.call("Page.captureScreenshot", session, format="png", clip=clip, captureBeyondViewport=True)
    with open(path, "wb") as file:
        file.write(base64.b64decode(picture["data"]))
    make_small(path)
    return size["width"]


def make_small(path):
    """With 256 colours, where Pillow is there: a third of the bytes, for a repository."""
    try:
        from PIL import Image
    except ImportError:
        return
    Image.open(path).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def troubles(browser, url):
    """What the page said that it should not, and what it asked others for."""
    for event in browser.said:
        parameters = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            yield parameters["exceptionDetails"].get("exception", {}).get("description", "an exception")
        if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            yield "%s %s" % (parameters["entry"]["text"], parameters["entry"].get("url", ""))
        if event["method"] == "Network.requestWillBeSent":
            asked = parameters["request"]["url"]
            if not asked.startswith((url, "blob:", "data:", "about:")):
                yield "it asked for " + asked


def serve(programs, folder):
    """A server of HRNet on this machine's cores, and its address."""
    config = os.path.join(folder, "config.json")
    common = ["--backend", "plan", "--models", "hrnet"]
    subprocess.run([os.path.join(programs, "optimize-batch"), "--quiet", "--image-size", "128", "--batches", "1,2,4",
                    "--time-budget", "20s", "--p95-sla-ms", "250", "--output", config, "--results", folder,
                    "--plots", folder] + common, stdout=subprocess.DEVNULL, check=False)
    server = subprocess.Popen([os.path.join(programs, "serve-production"), "--quiet", "--config", config, "--port", "0",
                               "--drain-seconds", "0", "--batch-size", "4",
                               "--metrics-window-seconds", "15"] + common, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    if not line.startswith("serving "):
        sys.exit("page_pictures: it does not serve")
    return server, line.split(" at ")[1].strip()


def send(url, number):
    """One small picture; now and then one that is none."""
    data = [9] * 48 if number % 60 else [1]
    request = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 4, 4, 3], "data": data}],
               "outputs": [{"name": "mask"}]}
    try:
        urllib.request.urlopen(url + "/v2/models/hrnet/infer", json.dumps(request).encode(), 30).read()
    except OSError:
        pass


def send_at_random(url, until):
    """At two fifths of what it could serve."""
    with urllib.request.urlopen(url + "/status") as answer:
        rate = max(2, 0.4 * (json.load(answer)["models"]["hrnet"]["capacity_rps"] or 0))
    number = 1
    while time.monotonic() < until:
        time.sleep(random.expovariate(rate))
        threading.Thread(target=send, args=(url, number), daemon=True).start()
        number += 1


def look(url, seconds, folder):
    """The pictures; returns what was wrong."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        views = [(width, scheme, open_view(browser, url + "/", width, scheme)) for width, scheme in VIEWS]
        time.sleep(15)  # its start takes the cores that are to be looked at
        for _, _, session in views:
            browser.call("Page.reload", session)
        time.sleep(seconds)
        wide = []
        for width, scheme, session in views:
            browser.evaluate(session, "document.getElementById('draw').click()")
            for _ in range(100):
                if browser.evaluate(session, "document.querySelectorAll('#regions path').length"):
                    break
                time.sleep(0.1)
            time.sleep(0.5)
            took = take(browser, session, os.path.join(folder, "page-%d-%s.png" % (width, scheme)))
            if took > width:
                wide.append("at %d px it is %d wide" % (width, took))
        found = wide + list(troubles(browser, url))
        browser.end()
    return found


def main():
    programs, seconds, folder = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        server, url = serve(programs, place)
        load = threading.Thread(target=send_at_random, args=(url, time.monotonic() + seconds + 60), daemon=True)
        load.start()
        try:
            found = look(url, seconds, folder)
        finally:
            server.terminate()
            server.wait(60)
    for line in found:
        print("page_pictures: " + line, file=sys.stderr)
    return len(found) > 0


if __name__ == "__main__":
    sys.exit(main())
