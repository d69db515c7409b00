"""Triton's own client, unmodified, against serve-production: every way to send a picture, and what it says of failures.
Speaks TAP.

    test_triton_client.py http://127.0.0.1:PORT    in a folder that has cell.png; the model is hrnet, of 64 x 64 px
"""

import asyncio
import json
import os
import sys

import numpy
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from checks import done, is_, ok  # noqa: E402

ADDRESS = sys.argv[1].split("//")[1]
PICTURES = numpy.random.default_rng(1).integers(0, 256, (2, 20, 12, 3), numpy.uint8)
with open("cell.png", "rb") as file:
    FILES = numpy.array([[file.read()]] * 2, dtype=object)
READY = numpy.random.default_rng(2).standard_normal((2, 3, 64, 64))
KINDS = {"UINT8": PICTURES, "BYTES": FILES, "FP32": READY.astype(numpy.float32), "FP16": READY.astype(numpy.float16)}


def image_of(datatype, binary=True):
    image = http.InferInput("image", KINDS[datatype].shape, datatype)
    image.set_data_from_numpy(KINDS[datatype], binary_data=binary)
    return [image]


def outputs_of(binary, *names):
    return [http.InferRequestedOutput(name, binary_data=binary) for name in names]


def refused(ask, words, name):
    try:
        ask()
    except InferenceServerException as error:
        return ok(words in error.message(), name, error)
    ok(False, name, "it was taken")


def packings():
    """Each type of picture, sent and answered in each way, gives the same probabilities. FP16 has no JSON, and this client
    no base64 for BYTES."""
    for datatype in KINDS:
        results = []
        for sent in (True, False) if datatype in ("UINT8", "FP32") else (True,):
            for answered in True, False:
                for packed in None, "gzip", "deflate":
                    for unpacked in None, "gzip", "deflate":
                        results.append(client.infer("hrnet", image_of(datatype, sent),
                                                    outputs=outputs_of(answered, "probabilities", "mask"), request_id="me",
                                                    request_compression_algorithm=packed,
                                                    response_compression_algorithm=unpacked))
        first = results[0].as_numpy("probabilities")
        ok(all(numpy.allclose(r.as_numpy("probabilities"), first) for r in results),
           "%s says the same in %d ways of sending and answering" % (datatype, len(results)))
        ok(all((r.as_numpy("mask") == (first > 0.5)).all() for r in results), "with the mask that belongs to it")
        is_({r.get_response()["id"] for r in results}, {"me"}, "and its id")


def many_at_a_time():
    for datatype in KINDS:
        alone = client.infer("hrnet", image_of(datatype)).as_numpy("mask")
        pending = [client.async_infer("hrnet", image_of(datatype)) for _ in range(12)]
        ok(all((p.get_result().as_numpy("mask") == alone).all() for p in pending), "12 of %s at a time" % datatype)


async def with_asyncio():
    async with aio.InferenceServerClient(ADDRESS) as other:
        ok(await other.is_server_live() and await other.is_server_ready() and await other.is_model_ready("hrnet"),
           "asyncio's client: health")
        is_((await other.get_model_metadata("hrnet"))["name"], "hrnet", "metadata")
        ok((await other.get_model_config("hrnet"))["max_batch_size"] > 0, "configuration")
        is_((await other.get_model_repository_index())[0]["state"], "READY", "index")
        ok((await other.get_inference_statistics("hrnet"))["model_stats"][0]["inference_count"] > 0, "statistics")
        for datatype in KINDS:
            alone = client.infer("hrnet", image_of(datatype)).as_numpy("mask")
            for unpacked in None, "gzip", "deflate":  # what it sends it cannot pack: 2.41 does not import gzip
                results = await asyncio.gather(*(other.infer("hrnet", image_of(datatype),
                                                             response_compression_algorithm=unpacked) for _ in range(6)))
                ok(all((r.as_numpy("mask") == alone).all() for r in results),
                   "6 of %s at a time, answers that may be packed: %s" % (datatype, unpacked))
        try:
            await other.infer("resnet", image_of("UINT8"))
            ok(False, "and errors")
        except InferenceServerException as error:
            ok("hrnet" in error.message(), "and errors", error)


def documents():
    metadata = client.get_model_metadata("hrnet")
    names = [output["name"] for output in metadata["outputs"]]
    ok({"mask", "probabilities"} <= set(names), "metadata name the outputs", names)
    is_(client.get_model_metadata("hrnet", "1")["versions"], ["1"], "of a version, too")
    ok("binary_tensor_data" in client.get_server_metadata()["extensions"], "the server names its extensions")
    is_(client.get_model_config("hrnet")["name"], "hrnet", "there is a configuration")
    ok(not client.is_model_ready("resnet"), "what there is not is not ready")
    before, after = None, statistics()
    for _ in range(3):
        before, _, after = after, client.infer("hrnet", image_of("UINT8")), statistics()
        is_(after["inference_count"] - before["inference_count"], 2, "statistics count pictures")
        ok(after["inference_stats"]["queue"]["ns"] >= before["inference_stats"]["queue"]["ns"], "and their times")


def statistics():
    return client.get_inference_statistics("hrnet")["model_stats"][0]


def errors():
    refused(lambda: client.infer("resnet", image_of("UINT8")), "hrnet", "an unknown model: those that there are are named")
    refused(lambda: client.get_model_metadata("resnet"), "hrnet", "likewise its metadata")
    refused(lambda: client.infer("hrnet", image_of("UINT8"), model_version="7"), "version", "a version that there is not")
    refused(lambda: client.infer("hrnet", image_of("UINT8"), outputs=outputs_of(True, "sharpness")), "sharpness",
            "an output that there is not")
    wrong = http.InferInput("image", (1, 3, 4, 4), "FP64")
    wrong.set_data_from_numpy(numpy.zeros((1, 3, 4, 4)))
    refused(lambda: client.infer("hrnet", [wrong]), "UINT8", "another datatype")
    wrong = http.InferInput("image", (1, 4, 4, 2), "UINT8")
    wrong.set_data_from_numpy(numpy.zeros((1, 4, 4, 2), numpy.uint8))
    refused(lambda: client.infer("hrnet", [wrong]), "3", "another shape")
    refused(lambda: client.infer("hrnet", image_of("UINT8"), timeout=1), "deadline", "a time limit of 1 us")
    refused(lambda: client.async_infer("resnet", image_of("UINT8")).get_result(), "hrnet", "errors come later, too")


def parameters():
    low = client.infer("hrnet", image_of("UINT8"), parameters={"threshold": 0.01}).as_numpy("mask").sum()
    high = client.infer("hrnet", image_of("UINT8"), parameters={"threshold": 0.99}).as_numpy("mask").sum()
    ok(low >= high, "a threshold is taken", (low, high))
    result = client.infer("hrnet", image_of("UINT8"), priority=1, timeout=60000000, sequence_id=5, headers={"X-Mine": "1"})
    ok("latency_ms" in result.get_response()["parameters"], "priority, time limit, sequence and headers do no harm")
    polygons = client.infer("hrnet", image_of("BYTES"), outputs=outputs_of(True, "polygons")).as_numpy("polygons")
    is_(json.loads(polygons[1, 0])["width"], 128, "polygons come as BYTES")


client = http.InferenceServerClient(ADDRESS, concurrency=12)
for part in packings, many_at_a_time, documents, errors, parameters:
    part()
asyncio.run(with_asyncio())
client.close()
done()
