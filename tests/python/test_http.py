"""serve-production from Python: the page's examples, and Triton's client where it is installed. Speaks TAP.

    test_http.py stdlib|segment|triton http://127.0.0.1:PORT    in a folder that has cell.png
    test_http.py around http://127.0.0.1:PORT           likewise; a server with the keys of keys.txt and scrapers.txt
    test_http.py tensors http://127.0.0.1:PORT          a server whose logits are the mean of its input
    test_http.py classes http://127.0.0.1:PORT          likewise, of three classes: no, one, and two times the mean
"""

import base64
import json
import os
import re
import struct
import sys
import time
import urllib.error
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from checks import done, is_, ok  # noqa: E402

WHAT, SERVER = sys.argv[1:]


def example(page, word):
    """The page's Python with that word in it, aimed at this server."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        found = re.findall(r"^```python\n(.*?)^```", file.read(), re.S | re.M)
    return next(text for text in found if word in text).replace("localhost:8000", SERVER.split("//")[1])


def run_block(text, name):
    names = {}
    try:
        exec(compile(text, name, "exec"), names)  # the page's own words
        ok(True, name)
    except Exception as error:
        ok(False, name, "%s: %s" % (type(error).__name__, error))
    return names


def ask(path, body=None, headers=None, method=None):
    request = urllib.request.Request(SERVER + path, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def post(body, headers=None):
    return ask("/v2/models/hrnet/infer", body, headers)


def split(headers, body):
    """A binary answer: its JSON, and its outputs' bytes by name."""
    length = int(headers["Inference-Header-Content-Length"])
    top, at, tensors = json.loads(body[:length]), length, {}
    for output in top["outputs"]:
        size = output["parameters"]["binary_data_size"]
        tensors[output["name"]] = body[at : at + size]
        at += size
    is_(at, len(body), "the sizes add up to the body")
    return top, tensors


def stdlib():
    names = run_block(example("README.md", "urllib"), "README's example in plain Python runs")
    is_(names["found"]["width"], 128, "it has polygons of the picture's size")
    names = run_block(example("docs/http.md", "urllib"), "the page's example in plain Python runs")
    is_(names["found"]["height"], 128, "it has polygons of the picture's size")
    is_(names["result"]["parameters"]["inference_mode"], "production_optimized", "and how it was served")
    pixels = bytes(range(2 * 5 * 4 * 3))
    header = {"id": "", "inputs": [{"name": "image", "datatype": "UINT8", "shape": [2, 5, 4, 3],
                                    "parameters": {"binary_data_size": len(pixels)}}],
              "parameters": {"binary_data_output": True}}
    text = json.dumps(header).encode()
    status, headers, body = post(text + pixels, {"inference-header-content-length": str(len(text))})
    is_(status, 200, "a binary request is answered")
    is_(headers["Content-Type"], "application/octet-stream", "in binary")
    top, tensors = split(headers, body)
    is_(top["id"], "", "an empty id comes back")
    is_([output["shape"] for output in top["outputs"]][:2], [[2, 5, 4], [2, 5, 4]], "each output has its shape")
    masks, probabilities = tensors["mask"], struct.unpack("<40f", tensors["probabilities"])
    is_(list(masks), [int(p > 0.5) for p in probabilities], "masks are where probabilities are above 0.5")
    header["parameters"] = {"threshold": 0.499, "binary_data_output": True}
    text = json.dumps(header).encode()
    _, headers, body = post(text + pixels, {"Inference-Header-Content-Length": str(len(text))})
    top, tensors = split(headers, body)
    ok(sum(tensors["mask"]) > sum(masks), "a threshold is taken", tensors["mask"])
    header["parameters"] = {}
    text = json.dumps(header).encode()
    status, headers, body = post(text + pixels, {"Inference-Header-Content-Length": str(len(text))})
    plain = json.loads(body)
    is_(status, 200, "the same outputs come as JSON")
    is_(plain["outputs"][0]["data"], list(masks), "with the same masks")
    ok(all(abs(a - b) < 1e-6 for a, b in zip(plain["outputs"][1]["data"], probabilities)), "and probabilities")
    status, _, body = post(text + pixels + b"!", {"Inference-Header-Content-Length": str(len(text))})
    is_(status, 400, "a byte too many is refused")
    ok("1 bytes follow" in json.loads(body)["error"], "in one line", body)


def infer_binary(datatype, shape, values, **parameters):
    """The status, and the answer's JSON and tensors, or the error."""
    header = {"inputs": [{"name": "image", "datatype": datatype, "shape": shape,
                          "parameters": {"binary_data_size": len(values)}}],
              "parameters": dict(parameters, binary_data_output=True)}
    text = json.dumps(header).encode()
    status, headers, body = post(text + values, {"Inference-Header-Content-Length": str(len(text))})
    return (status, *(split(headers, body) if status == 200 else (json.loads(body)["error"], {})))


def tensors():
    with urllib.request.urlopen(SERVER + "/v2/models/hrnet") as answer:
        model = json.load(answer)
    taken = {t["datatype"]: t["shape"] for t in model["parameters"]["input_alternatives"]}
    is_(model["inputs"][0]["datatype"], "UINT8", "the main input is pictures as they are")
    is_(taken, {"FP32": [-1, 3, 64, 64], "FP16": [-1, 3, 64, 64], "BYTES": [-1, 1]}, "metadata tell what else is taken")
    is_(model["outputs"][-1], {"name": "logits", "datatype": "FP32", "shape": [-1, 1, 64, 64]}, "and what logits are")
    pixels = bytes((7 * i + i // 192) % 256 for i in range(64 * 64 * 3))
    status, _, of_picture = infer_binary("UINT8", [1, 64, 64, 3], pixels)
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ready = [(pixels[3 * i + c] / 255 - mean[c]) / deviation[c] for c in range(3) for i in range(64 * 64)]
    logits = struct.unpack("<4096f", of_picture["logits"])
    ok(abs(sum(ready) / len(ready) - logits[0]) < 1e-4, "logits come as the network gives them", logits[0])
    for datatype, letter, within in ("FP32", "f", 1e-5), ("FP16", "e", 1e-3):
        values = struct.pack("<12288%s" % letter, *ready)
        status, top, of_tensor = infer_binary(datatype, [1, 3, 64, 64], values)
        is_(status, 200, "a tensor in %s is answered" % datatype)
        ok(all(abs(a - b) < within for a, b in zip(struct.unpack("<4096f", of_tensor["logits"]), logits)),
           "as its picture is", struct.unpack("<4096f", of_tensor["logits"])[0] - logits[0])
        is_(of_tensor["mask"], of_picture["mask"], "with the same mask")
        status, top, of_both = infer_binary(datatype, [2, 3, 64, 64], values + values)
        is_(of_both["logits"], 2 * of_tensor["logits"], "two in one request are answered alike")
    text = json.dumps({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 64, 64], "data": ready}],
                       "outputs": [{"name": "logits"}, {"name": "mask"}]}).encode()
    status, _, body = post(text)
    ok(status == 200 and abs(json.loads(body)["outputs"][0]["data"][9] - logits[9]) < 1e-5, "so are numbers in JSON", body[:200])
    is_(json.loads(body)["outputs"][0]["shape"], [1, 1, 64, 64], "logits have their shape")
    noise = struct.pack("<12288f", *([float("nan")] + ready[1:]))
    status, top, of_noise = infer_binary("FP32", [1, 3, 64, 64], noise)
    is_(status, 200, "what is no number is answered")
    ok(all(value != value for value in struct.unpack("<4096f", of_noise["logits"])), "with what is none")
    is_(of_noise["mask"], bytes(4096), "its mask is empty")
    is_(top["parameters"]["inference_mode"], "production_optimized", "and it failed no run")
    if "polygons" in of_noise:
        is_(json.loads(of_noise["polygons"][4:])["polygons"], [], "it has no polygons")
    status, top, _ = infer_binary("FP32", [1, 3, 64, 64], os.urandom(4 * 12288))
    is_(status, 200, "nor do random bits, which perf_analyzer sends")
    status, error, _ = infer_binary("FP32", [1, 3, 32, 64], bytes(4 * 6144))
    is_(status, 400, "a tensor of another size is refused")
    ok("FP32 tensors are [N,3,64,64] here" in error, "with the size that is taken", error)
    status, error, _ = infer_binary("BF16", [1, 3, 64, 64], bytes(2 * 12288))
    ok(status == 400 and "BF16" in error, "BF16 is refused", error)


def classes():
    pixels = bytes(64 * 64 * 3) + b"\xff" * (64 * 64 * 3)  # black and white
    status, top, found = infer_binary("UINT8", [2, 64, 64, 3], pixels)
    is_(status, 200, "pictures are answered")
    is_([output["name"] for output in top["outputs"] if output["name"] != "polygons"],
        ["mask", "probabilities", "labels", "logits"], "labels come without a word, each class's probabilities do not")
    is_(found["labels"], bytes(64 * 64) + b"\2" * (64 * 64), "each picture has its class")
    text = json.dumps({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 1, 3], "data": [255] * 6}],
                       "outputs": [{"name": "class_probabilities"}, {"name": "labels"}]}).encode()
    status, _, body = post(text)
    planes, labels = json.loads(body)["outputs"]
    is_((planes["shape"], labels["data"]), ([1, 3, 2, 1], [2, 2]), "numbers in JSON have a plane for each class")
    ok(abs(sum(planes["data"][::2]) - 1) < 1e-6, "which come to 1", planes["data"])
    status, error, _ = infer_binary("UINT8", [2, 1024, 1024, 3], bytes(2 * 1024 * 1024 * 3))
    is_(status, 200, "many pixels are answered in binary")
    text = json.dumps({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1024, 1024, 3],
                                   "parameters": {"binary_data_size": 1024 * 1024 * 3}}],
                       "outputs": [{"name": "class_probabilities"}]}).encode()
    status, _, body = post(text + bytes(1024 * 1024 * 3), {"Inference-Header-Content-Length": str(len(text))})
    ok(status == 400 and "class_probabilities: 3145728 pixels are too many for JSON" in json.loads(body)["error"],
       "and refused as text", body[:200])


def triton():
    import numpy
    import tritonclient.http as http
    from tritonclient.utils import InferenceServerException

    names = run_block(example("README.md", "tritonclient"), "README's example with Triton's client runs")
    is_(names["mask"].shape, (1, 512, 512), "it has a mask of the picture's size")
    names = run_block(example("docs/http.md", "tritonclient"), "the page's example with Triton's client runs")
    is_(names["result"].as_numpy("mask").shape, (2, 512, 512), "it has masks of the pictures' size")
    client = http.InferenceServerClient(SERVER.split("//")[1], concurrency=4)
    ok(client.is_server_live() and client.is_server_ready() and client.is_model_ready("hrnet"), "health is told")
    is_(client.get_model_metadata("hrnet")["inputs"][0]["datatype"], "UINT8", "so are metadata")
    ok(client.get_model_config("hrnet")["max_batch_size"] > 0, "a configuration")
    is_(client.get_model_repository_index()[0]["name"], "hrnet", "the index")
    pixels = numpy.arange(2 * 5 * 4 * 3, dtype=numpy.uint8).reshape(2, 5, 4, 3)
    results = []
    for binary in True, False:
        for packed in None, "gzip", "deflate":
            image = http.InferInput("image", pixels.shape, "UINT8")
            image.set_data_from_numpy(pixels, binary_data=binary)
            outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "mask")]
            results.append(client.infer("hrnet", [image], outputs=outputs, request_id="me",
                                        request_compression_algorithm=packed))
    ok(all(numpy.allclose(r.as_numpy("probabilities"), results[0].as_numpy("probabilities")) for r in results),
       "JSON and binary, packed and not, say the same")
    is_(results[0].get_response()["id"], "me", "the id comes back")
    with open("cell.png", "rb") as file:
        files = numpy.array([file.read()] * 2, dtype=object).reshape(2, 1)
    image = http.InferInput("image", files.shape, "BYTES")
    image.set_data_from_numpy(files)
    result = client.infer("hrnet", [image])
    is_(result.as_numpy("mask").shape, (2, 128, 128), "picture files are read")
    is_(json.loads(result.as_numpy("polygons")[1, 0])["width"], 128, "polygons come with them")
    pending = [client.async_infer("hrnet", [image]) for _ in range(8)]
    is_({p.get_result().as_numpy("mask").shape for p in pending}, {(2, 128, 128)}, "many at a time are answered")
    for datatype, kind in ("FP32", numpy.float32), ("FP16", numpy.float16):
        ready = http.InferInput("image", (2, 3, 64, 64), datatype)
        ready.set_data_from_numpy(numpy.zeros((2, 3, 64, 64), kind))
        result = client.infer("hrnet", [ready])
        is_(result.as_numpy("logits").shape, (2, 1, 64, 64), "tensors in %s give logits" % datatype)
    floats = http.InferInput("image", (1, 3, 4, 4), "FP64")
    floats.set_data_from_numpy(numpy.zeros((1, 3, 4, 4), numpy.float64))
    try:
        client.infer("hrnet", [floats])
        ok(False, "what is not taken is refused")
    except InferenceServerException as error:
        ok("send UINT8" in error.message(), "what is not taken is refused", error)
    stats = client.get_inference_statistics("hrnet")["model_stats"][0]["inference_stats"]
    is_(len({stats[k]["count"] for k in ("success", "queue", "compute_input", "compute_infer", "compute_output")}), 1,
        "statistics count alike")
    asyncio_client(pixels)


def asyncio_client(pixels):
    import asyncio

    import tritonclient.http as http
    import tritonclient.http.aio as aio

    async def ask():
        async with aio.InferenceServerClient(SERVER.split("//")[1]) as client:
            image = http.InferInput("image", pixels.shape, "UINT8")
            image.set_data_from_numpy(pixels)
            return await asyncio.gather(*(client.infer("hrnet", [image]) for _ in range(8)))

    is_({r.as_numpy("mask").shape for r in asyncio.run(ask())}, {pixels.shape[:3]}, "asyncio's client works")


def segment():
    """A picture by itself, in each form."""
    with open("cell.png", "rb") as file:
        cell = file.read()
    status, headers, body = ask("/segment?threshold=0.4", cell)
    is_((status, headers["Content-Type"]), (200, "application/json"), "a picture gives polygons as JSON")
    document = json.loads(body)
    is_((document["height"], document["metadata"]["outlines"]), (128, "through pixel centres"), "of its own size")
    is_(headers["Batchtune-Batch-Size"], str(document["metadata"]["batch_size"]), "headers tell how it was served")
    is_(headers["Batchtune-Mode"], document["metadata"]["inference_mode"], "and so does the document")
    regions = []
    for form in "geo+json", "vnd.coco+json", "vnd.coco-rle+json":
        status, headers, body = ask("/segment/hrnet?threshold=0.4&category=cell", cell, {"Accept": "application/" + form})
        is_((status, headers["Content-Type"]), (200, "application/" + form), "a client gets " + form)
        document = json.loads(body)
        regions.append(len(document["features" if form == "geo+json" else "annotations"]))
    is_(len(set(regions)), 1, "each form has the same regions")
    status, headers, body = ask("/segment/hrnet", cell, {"Accept": "text/html, image/*;q=0.2"})
    is_((status, headers["Content-Type"], body[:4]), (200, "image/png", b"\x89PNG"), "and a mask as a picture")
    for path, accept, code, words in (("/segment/hrnet", "text/html", 406, "application/geo+json, "),
                                      ("/segment/other", "*/*", 404, "there are: hrnet"),
                                      ("/segment?treshold=0.4", "*/*", 400, "did you mean threshold?"),
                                      ("/segment?threshold=2", "*/*", 400, "threshold"),
                                      ("/segment?priority=9", "*/*", 400, "priority")):
        status, headers, body = ask(path, cell, {"Accept": accept})
        is_(status, code, "%s for %s is refused" % (accept, path))
        ok(words in json.loads(body)["error"], "and told what would be right", body)
    is_(ask("/segment", b"no picture")[0], 400, "what is no picture is refused")
    is_(ask("/segment")[0], 405, "and so is another method")


TRACE = "0af7651916cd43dd8448eb211c80319c"


def key_of(path):
    with open(path, encoding="ascii") as file:
        return {"Authorization": "Bearer " + file.read().split()[1]}


def around():
    """What stands around a request: keys, pages, ids and traces."""
    ours, scrapers = key_of("keys.txt"), key_of("scrapers.txt")
    for path, who, code in (("/v2/health/live", {}, 200), ("/v2/health/ready", {}, 200),
                            ("/v2/models/hrnet/ready", {}, 200), ("/v2", {}, 401), ("/v2", ours, 200),
                            ("/v2", scrapers, 401), ("/metrics", {}, 401), ("/metrics", ours, 401),
                            ("/metrics", scrapers, 200), ("/v2", {"Authorization": "Basic YTpi"}, 401)):
        is_(ask(path, headers=who)[0], code, "%s: %d" % (path, code))
    status, headers, body = ask("/segment", b"x" * 100000)
    is_((status, headers["WWW-Authenticate"]), (401, "Bearer"), "a picture without a key is refused")
    is_(list(json.loads(body)), ["error"], "as every error is told")
    page = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}
    status, headers, body = ask("/segment", headers=page, method="OPTIONS")
    is_((status, headers["Access-Control-Allow-Origin"], body), (204, page["Origin"], b""), "a page may ask")
    ok("Authorization" in headers["Access-Control-Allow-Headers"], "with a key", headers)
    status, headers, _ = ask("/segment", headers=dict(page, Origin="https://evil.example"), method="OPTIONS")
    is_((status, "Access-Control-Allow-Origin" in headers, headers["Vary"]), (401, False, "Origin"), "another may not")
    with open("cell.png", "rb") as file:
        cell = file.read()
    sent = {"X-Request-Id": "plate-7", "traceparent": "00-%s-b7ad6b7169203331-01" % TRACE, "tracestate": "a=1"}
    _, headers, body = ask("/segment", cell, dict(ours, **sent))
    is_((headers["X-Request-Id"], headers["tracestate"]), ("plate-7", "a=1"), "ids come back")
    version, trace, span, flags = headers["traceparent"].split("-")
    is_((version, trace, flags), ("00", TRACE, "01"), "in the same trace")
    ok(span != "b7ad6b7169203331", "as another span", span)
    is_(json.loads(body)["metadata"]["id"], "plate-7", "the document has the id too")
    status, headers, _ = ask("/v2", headers=dict(ours, traceparent="00-%s-0000000000000000-01" % TRACE))
    is_((status, "traceparent" in headers), (200, False), "a trace that is not valid is as none")
    lines = []
    for _ in range(1000):  # a thread of its own writes
        with open("access.jsonl", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file.read().splitlines()]
        if len(lines) == 15:
            break
        time.sleep(0.05)
    is_(len(lines), 15, "each request has its line")
    line = next((one for one in lines if one["id"] == "plate-7"), {})
    is_({name: line.get(name) for name in ("method", "path", "status", "model", "key", "trace_id", "span_id", "bytes_in")},
        {"method": "POST", "path": "/segment", "status": 200, "model": "hrnet", "key": "alice", "trace_id": TRACE,
         "span_id": span, "bytes_in": len(cell)}, "which tells what was asked, by whom, and what came of it")
    ok(line.get("latency_ms", 0) > 0 and line.get("batch_size") == 1, "and how long it took", line)
    is_(len({one["id"] for one in lines}), 15, "each has an id of its own")


{"stdlib": stdlib, "around": around, "segment": segment, "tensors": tensors, "classes": classes, "triton": triton}[WHAT]()
done()
