"""The service behind FastAPI: pictures in, polygons out.

    pip install fastapi uvicorn pillow numpy
    export PYTHONPATH=/usr/local/share/batchtune/python BATCHTUNE_CONFIG=configs/production_batch_config.json
    uvicorn --app-dir tests/example serve_fastapi:app
    curl --data-binary @picture.png 'http://127.0.0.1:8000/segment/hrnet?threshold=0.5'

Run it as one process: each worker of `--workers N` would load its own copy of every model, and form its own
batches. Requests of one process are batched together, so that more processes serve less, not more.
"""

import asyncio
import contextlib
import io

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from PIL import Image, UnidentifiedImageError

import batchtune

TIMEOUT_S = 30.0


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI):
    service = batchtune.get_optimized_service(image_size=None)  # the config's: 1024 unless it was tuned otherwise
    await service.start()
    try:
        yield {"service": service}
    finally:
        await service.stop(drain=10.0)


app = FastAPI(lifespan=lifespan)

STATUS = {batchtune.InvalidRequest: 400, batchtune.QueueFull: 503, batchtune.Closed: 503, batchtune.Timeout: 504}


@app.exception_handler(batchtune.BatchtuneError)
async def tell(request: Request, error: batchtune.BatchtuneError) -> Response:
    return Response(f"{error}\n", STATUS.get(type(error), 500), media_type="text/plain")


def decode(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))


@app.post("/segment/{model_name}")
async def segment(model_name: str, request: Request, threshold: float = 0.5) -> dict:
    try:
        image = await asyncio.get_running_loop().run_in_executor(None, decode, await request.body())
    except (UnidentifiedImageError, OSError):
        raise HTTPException(400, "the body is no picture that Pillow reads") from None
    polygons, metadata = await request.state.service.segment_image_optimized(
        image_array=image, model_name=model_name, threshold=threshold, timeout=TIMEOUT_S)
    return {"polygons": polygons, "metadata": metadata}


@app.get("/metrics")
async def metrics(request: Request) -> Response:
    return Response(request.state.service.get_prometheus_metrics(), media_type="text/plain; version=0.0.4")
