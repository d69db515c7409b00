"""The service behind FastAPI: pictures in, polygons out.

    pip install fastapi uvicorn pillow numpy python-multipart
    export PYTHONPATH=shim/python BATCHTUNE_CONFIG=configs/production_batch_config.json
    uvicorn --app-dir tests/example serve_fastapi:app
    curl http://127.0.0.1:8000/healthz                   # 503 until the models are loaded and warm
    curl --data-binary @picture.png 'http://127.0.0.1:8000/segment/hrnet?threshold=0.5'
    curl --form file=@picture.png http://127.0.0.1:8000/segment/hrnet

Run it as one process: each worker of `--workers N` would load its own copy of every model, and form its own
batches. Requests of one process are batched together, so that more processes serve less, not more.
"""

import asyncio
import contextlib
import io
import logging

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image, ImageOps, UnidentifiedImageError

import batchtune

TIMEOUT_S = 30.0


async def start(service: batchtune.Service) -> None:
    try:
        await service.start()
    except batchtune.BatchtuneError as error:  # /healthz stays 503, so that whoever watches it starts anew
        logging.getLogger("uvicorn.error").error("batchtune does not start: %s", error)


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI):
    service = batchtune.get_optimized_service()
    service.models  # reads the config: where that is wrong, nothing begins
    starting = asyncio.create_task(start(service))  # while models are loaded, /healthz answers
    try:
        yield {"service": service}
    finally:
        await starting
        await service.stop(drain=10.0)


app = FastAPI(lifespan=lifespan)

STATUS = {batchtune.InvalidRequest: 400, batchtune.QueueFull: 503, batchtune.Closed: 503, batchtune.Timeout: 504}


@app.exception_handler(batchtune.BatchtuneError)
async def tell(request: Request, error: batchtune.BatchtuneError) -> Response:
    return JSONResponse({"detail": str(error)}, STATUS.get(type(error), 500))


async def picture_of(request: Request) -> bytes:
    """The field `file` of a form, or the whole body."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form() as form:
        upload = form.get("file")
        if upload is None or isinstance(upload, str):
            raise HTTPException(400, "the form has no file called \"file\"")
        return await upload.read()


def decode(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    image.load()
    if image.mode in ("CMYK", "LAB", "I", "F"):  # what the module says of them is for whoever writes programs
        raise HTTPException(400, f"the picture is of mode {image.mode}, whose values have no one meaning here: send it "
                                 f"as RGB or gray, of 8 or 16 bits")
    return ImageOps.exif_transpose(image)


FILE = {"type": "string", "format": "binary"}
BODY = {"content": {"multipart/form-data": {"schema": {"type": "object", "properties": {"file": FILE}}},
                    "application/octet-stream": {"schema": FILE}}}  # what /docs shows


@app.post("/segment/{model_name}", openapi_extra={"requestBody": BODY})
async def segment(model_name: str, request: Request, threshold: float = 0.5) -> dict:
    service = request.state.service
    if model_name not in service.models:
        raise HTTPException(404, f"no model is called {model_name!r} here; there are: {', '.join(service.models)}")
    if not service.ready:
        raise batchtune.Closed("the models are not loaded yet, or the server ends")
    picture = await picture_of(request)
    try:
        image = await asyncio.get_running_loop().run_in_executor(None, decode, picture)
    except Image.DecompressionBombError as error:
        raise HTTPException(413, str(error)) from None
    except (UnidentifiedImageError, OSError):
        raise HTTPException(400, "that is no picture that Pillow reads") from None
    polygons, metadata = await service.segment_image_optimized(
        image_array=image, model_name=model_name, threshold=threshold, timeout=TIMEOUT_S)
    return {"polygons": polygons, "metadata": metadata}


@app.get("/healthz")
async def healthz(request: Request) -> Response:
    ready = request.state.service.ready
    return Response("ready\n" if ready else "not ready\n", 200 if ready else 503, media_type="text/plain")


@app.get("/metrics")
async def metrics(request: Request) -> Response:
    return Response(request.state.service.get_prometheus_metrics(),
                    media_type="text/plain; version=0.0.4; charset=utf-8")
