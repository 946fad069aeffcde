"""Start the service: `python -m utils.serving.service --bundle FOLDER/src --state FOLDER`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from types import FrameType
from typing import get_args

import uvicorn

from utils.monitoring.kept_pictures import Keep
from utils.serving.service.app import application
from utils.serving.service.front import Front
from utils.serving.service.guarded_http import guarded_protocol
from utils.serving.service.limits import Limits
from utils.serving.service.task_images import TaskImages

_DRAIN_SECONDS = 30


def main(arguments: list[str]) -> int:
    """Serve until the process is asked to end (SIGTERM); returns the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    limits = Limits(**{name: getattr(given, name) for name in Limits.model_fields})
    state = given.state.absolute()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    front = Front(
        given.bundle.absolute(),
        state,
        limits,
        workers=given.workers,
        threads=given.threads,
        host=given.host,
        places=given.allow,
        keep=given.keep,
        task_images=TaskImages(given.label_studio, _token_in(given.label_studio_token)),
    )
    config = uvicorn.Config(
        application(front),
        host=given.host,
        port=given.port,
        http=guarded_protocol(limits.header_seconds),
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    _Server(config, front).run()
    return 0


def _token_in(file: Path | None) -> str:
    return "" if file is None else file.read_text().strip()


class _Server(uvicorn.Server):
    """A server that tells the front when it is asked to end."""

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._front.is_stopping = True
        super().handle_exit(sig, frame)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m utils.serving.service", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="folder `src` of the bundle")
    parser.add_argument("--state", type=Path, required=True, help="folder of tokens and scenes")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--workers", type=int, default=1, help="processes that predict")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="threads of each network"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="PLACE",
        help="folder, or gs://bucket/prefix, whose files may be scenes; may be given several times",
    )
    parser.add_argument(
        "--label-studio",
        default="",
        metavar="ADDRESS",
        help="Label Studio whose tasks may be predicted",
    )
    parser.add_argument(
        "--label-studio-token", type=Path, metavar="FILE", help="file that holds a token for it"
    )
    parser.add_argument(
        "--keep",
        choices=get_args(Keep),
        default="none",
        help="pictures to keep beside the notes of predictions",
    )
    group = parser.add_argument_group("limits")
    for name, field in Limits.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        kind = type(field.default)
        group.add_argument(flag, type=kind, default=field.default, help=field.description)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
