"""Triton with an exported repository beside serve-production with the config that it was made of: the same answers.
Speaks TAP.

    test_two_servers.py http://127.0.0.1:TRITON http://127.0.0.1:OURS

Both have hrnet and cbam_resunet, in batches of up to 4.
"""

import json
import os
import sys
import urllib.request

import numpy
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from checks import is_, ok  # noqa: E402

TRITON, OURS = sys.argv[1:3]
OUTPUTS = "mask", "probabilities", "logits"


def draw(height, width, seed):
    """Dark discs with some grain on a bright ground, as spheroids look."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:height, :width]
    picture = numpy.full((height, width), 200.0)
    for _ in range(3):
        middle, radius = random.uniform((0, 0), (height, width)), random.uniform(0.1, 0.25) * height
        picture[numpy.hypot(y - middle[0], x - middle[1]) < radius] = 90
    picture += random.normal(0, 8, picture.shape)
    return numpy.repeat(picture.clip(0, 255).astype(numpy.uint8)[None, :, :, None], 3, axis=3)


PICTURES = [draw(128, 128, 1), draw(96, 160, 2), draw(300, 200, 3)]


def client_of(url):
    return http.InferenceServerClient(url.split("//")[1], concurrency=8)


def ask(client, model, pictures, **more):
    image = http.InferInput("image", pictures.shape, "UINT8")
    image.set_data_from_numpy(pictures)
    return client.infer(model, [image], outputs=[http.InferRequestedOutput(name) for name in OUTPUTS], **more)


def iou(a, b):
    both, either = numpy.logical_and(a, b).sum(), numpy.logical_or(a, b).sum()
    return 1.0 if either == 0 else both / either


def same_answers(triton, ours, model):
    worst, apart, inside = 1.0, 0.0, 0
    for picture in PICTURES:
        a, b = ask(triton, model, picture), ask(ours, model, picture)
        worst = min(worst, iou(a.as_numpy("mask"), b.as_numpy("mask")))
        apart = max(apart, numpy.abs(a.as_numpy("probabilities") - b.as_numpy("probabilities")).max())
        inside += int(a.as_numpy("mask").sum())
        if a.as_numpy("logits").shape != b.as_numpy("logits").shape:
            apart = numpy.inf
    ok(worst >= 0.999, "%s: masks agree (IoU at least 0.999)" % model, worst)
    ok(apart <= 1e-5, "%s: and probabilities" % model, apart)
    ok(inside > 100, "%s: masks of something" % model, inside)


def batches(triton, model):
    """Pictures of one size in one request are one batch; those of other sizes stay whole, too."""
    several = numpy.concatenate([PICTURES[0]] * 3)
    together = ask(triton, model, several).as_numpy("probabilities")
    alone = ask(triton, model, PICTURES[0]).as_numpy("probabilities")
    ok(numpy.abs(together - alone).max() < 1e-3, "%s: a picture's place in a batch changes nothing" % model)
    with urllib.request.urlopen("%s/v2/models/%s/stats" % (TRITON, model)) as answer:
        stats = json.load(answer)["model_stats"][0]
    sizes = {batch["batch_size"] for batch in stats["batch_stats"]}
    ok({1, 3} <= sizes, "%s: Triton counts batches by size" % model, sizes)
    image = http.InferInput("image", PICTURES[0].shape, "UINT8")
    waiting = []
    for picture in PICTURES * 2:
        image = http.InferInput("image", picture.shape, "UINT8")
        image.set_data_from_numpy(picture)
        waiting.append(triton.async_infer(model, [image]))
    masks = [one.get_result().as_numpy("mask") for one in waiting]
    is_([mask.shape[1:] for mask in masks], [picture.shape[1:3] for picture in PICTURES * 2],
        "%s: those that wait together get each its own" % model)


def refused(client, words, name, pictures, **more):
    try:
        ask(client, "hrnet", pictures, **more)
    except InferenceServerException as error:
        return ok(words in error.message(), name, error.message())
    ok(False, name, "it was taken")


def main():
    triton, ours = client_of(TRITON), client_of(OURS)
    for model in "hrnet", "cbam_resunet":
        same_answers(triton, ours, model)
        batches(triton, model)
    picture = PICTURES[0]
    low, high = (ask(triton, "hrnet", picture, parameters={"threshold": threshold}).as_numpy("mask").sum()
                 for threshold in (0.05, "0.95"))
    ok(low > high, "the threshold counts, as a number and as text", (low, high))
    refused(triton, "a probability", "a threshold that is none is told", picture, parameters={"threshold": 2.5})
    refused(triton, "", "more pictures than a batch takes are refused", numpy.concatenate([picture] * 5))
    mode = ask(triton, "hrnet", picture).get_response()["parameters"]["inference_mode"]
    is_(mode, "production_optimized", "which path it took is told")


main()
