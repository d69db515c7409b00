"""serve-production from Python: the page's examples, and Triton's client where it is installed. Speaks TAP.

    test_http.py stdlib|triton http://127.0.0.1:PORT    in a folder that has cell.png
"""

import base64
import json
import os
import re
import struct
import sys
import urllib.error
import urllib.request

WHAT, SERVER = sys.argv[1:]
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "http.md")
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


def blocks():
    """The page's Python, aimed at this server."""
    with open(PAGE, encoding="utf-8") as page:
        found = re.findall(r"^```python\n(.*?)^```", page.read(), re.S | re.M)
    return [text.replace("localhost:8000", SERVER.split("//")[1]) for text in found]


def run_block(text, name):
    names = {}
    try:
        exec(compile(text, name, "exec"), names)  # the page's own words
        ok(True, name)
    except Exception as error:
        ok(False, name, "%s: %s" % (type(error).__name__, error))
    return names


def post(body, headers=None):
    request = urllib.request.Request(SERVER + "/v2/models/hrnet/infer", body, headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


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
    names = run_block(next(text for text in blocks() if "urllib" in text), "the page's example in plain Python runs")
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


def triton():
    import numpy
    import tritonclient.http as http
    from tritonclient.utils import InferenceServerException

    names = run_block(next(text for text in blocks() if "tritonclient" in text), "the page's example with Triton's client runs")
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
    floats = http.InferInput("image", (1, 3, 4, 4), "FP32")
    floats.set_data_from_numpy(numpy.zeros((1, 3, 4, 4), numpy.float32))
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


{"stdlib": stdlib, "triton": triton}[WHAT]()
print("1..%d" % count)
sys.exit(1 if failed else 0)
