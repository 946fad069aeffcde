"""Limits of the service, each settable on its command line."""

from __future__ import annotations

from pydantic import Field

from utils.options import Options


class Limits(Options):
    """Limits that keep one client from taking everything."""

    body_bytes: int = Field(default=256 << 20, ge=1)
    """Largest body of a request but an upload to /scenes, in bytes."""

    scene_bytes: int = Field(default=1 << 40, ge=1)
    """Largest upload to /scenes, in bytes."""

    image_pixels: int = Field(default=500_000_000, ge=1)
    """Largest image of /predict, in pixels."""

    scene_pixels: int = Field(default=100_000_000_000, ge=1)
    """Largest scene, in pixels."""

    batch_images: int = Field(default=64, ge=1)
    """Maximum number of images of one request to /predict/batch."""

    waiting: int = Field(default=64, ge=1)
    """Maximum number of predictions in hand or waiting; further ones are answered 429."""

    answer_seconds: float = Field(default=300.0, gt=0)
    """Longest time that the prediction of one image may take."""

    header_seconds: float = Field(default=10.0, gt=0)
    """Longest time until the headers of a request are complete."""

    silent_seconds: float = Field(default=20.0, gt=0)
    """Longest time without a byte of a body."""

    slowest_bytes: int = Field(default=4096, ge=1)
    """Least bytes a second of a body, on average after the first `silent_seconds`."""

    scenes_waiting: int = Field(default=16, ge=1)
    """Maximum number of scenes in hand or waiting; further ones are answered 429."""

    scene_seconds: float = Field(default=86_400.0, gt=0)
    """Longest time that a scene may take."""

    kept_scenes: int = Field(default=100, ge=1)
    """Number of finished scenes whose results are kept; the oldest are removed."""

    disk_bytes: int = Field(default=0, ge=0)
    """Most bytes that uploads and results may take together; 0 for as many as there is room."""

    notes_bytes: int = Field(default=512 << 20, ge=1 << 20)
    """Most bytes that the notes of predictions may take; the oldest are dropped beyond it."""

    pictures_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """Most bytes that kept pictures may take; the oldest are dropped beyond it."""

    connections: int = Field(default=512, ge=8)
    """Maximum number of open connections."""
