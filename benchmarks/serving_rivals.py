"""The work of the service without the service, to compare with: run in its environment.

    python serving_rivals.py bare BUNDLE THREADS          answers lines `FILE COUNT` by seconds
    python serving_rivals.py plain BUNDLE THREADS PORT    a plain Starlette app

Both decode with Pillow and predict with the network of the bundle, in one process, and check
nothing.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    """Run one of both."""
    sys.path.insert(0, arguments[1])
    from utils.serving.bundle import Bundle

    bundle = Bundle.open(Path(arguments[1]))
    network = bundle.load_network(bundle.settings.confidence, int(arguments[2]))
    if arguments[0] == "bare":
        _bare(network)
    else:
        _plain(network, int(arguments[3]))


def objects_in(network: Any, content: bytes) -> Any:
    """Decode an image and find its objects."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    (found,) = network.predict([pixels])
    return found


def _bare(network: Any) -> None:
    """Answer each line by seconds per image: all, the network alone, and all in processor time."""
    import numpy as np

    for line in sys.stdin:
        name, count = line.split()
        content = Path(name).read_bytes()
        started, computed = time.perf_counter(), time.process_time()
        for _ in range(int(count)):
            objects_in(network, content)
        whole = (time.perf_counter() - started) / int(count)
        computed = (time.process_time() - computed) / int(count)
        prepared = network.prepare([np.zeros((64, 64, 3), np.uint8)])
        started = time.perf_counter()
        for _ in range(int(count)):
            network.forward(prepared)
        alone = (time.perf_counter() - started) / int(count)
        print(whole, alone, computed, flush=True)


def _plain(network: Any, port: int) -> None:
    """The shortest service that one would write."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from utils.serving.objects import objects_of

    async def predict(request: Request) -> Response:
        content = await request.body()
        found = await run_in_threadpool(objects_in, network, content)
        return JSONResponse({"objects": objects_of(found)})

    routes = [Route("/predict", predict, methods=["POST"])]
    uvicorn.run(Starlette(routes=routes), port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1:])
