# The image of the jobs on Vertex AI, and of a laptop with a GPU: docs/docker.md.
# Needs BuildKit, the default since Docker 23 (before that: DOCKER_BUILDKIT=1).

# The version of uv that uv.lock pins.
FROM ghcr.io/astral-sh/uv:0.13.8 AS uv

# PyTorch's wheels bring cuBLAS, cuDNN and NCCL of CUDA 13.2 along, so `base` is enough: the CUDA
# runtime, and `cuda-compat`, which lets them run on the older drivers of data centres. `runtime`
# and `cudnn` would hold some three gigabytes a second time.
FROM nvidia/cuda:13.2.1-base-ubuntu24.04 AS cuda

FROM cuda AS environment
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_HTTP_TIMEOUT=300 \
    UV_LINK_MODE=copy \
    UV_MANAGED_PYTHON=1 \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON=3.11.18 \
    UV_PYTHON_INSTALL_DIR=/opt/python
WORKDIR /build
# Without FiftyOne's MongoDB: it is downloaded while installing, unlocked, and no job needs it.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    uv sync --frozen --no-dev --extra gcp --no-install-package fiftyone-db

FROM cuda
# rasterio's wheel leaves libexpat to the system. The versions are the pinned base's.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libexpat1 \
    && rm -rf /var/lib/apt/lists/*
# The base's own user, number 1000: most laptops' first user, so that mounted folders can be written.
# ZenML puts the code of a job into /app/code.
RUN install -d -o 1000 -g 1000 /app && install -d -m 0700 -o 1000 -g 1000 /var/lib/spyglass
COPY --from=environment /opt/python /opt/python
COPY --from=environment /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    # No git in here, and nobody misses it.
    GIT_PYTHON_REFRESH=quiet \
    # One folder holds all state, also for a user number that has no home.
    HOME=/var/lib/spyglass \
    SPYGLASS_LOCAL=/var/lib/spyglass \
    YOLO_CONFIG_DIR=/var/lib/spyglass/ultralytics \
    # Nothing phones home, as in utils/privacy.py.
    DO_NOT_TRACK=true \
    FIFTYONE_DO_NOT_TRACK=true \
    HF_HUB_DISABLE_TELEMETRY=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    NO_ALBUMENTATIONS_UPDATE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    WANDB_MODE=disabled \
    ZENML_ANALYTICS_OPT_IN=false \
    # Weights run no code, as in utils/detection/ultralytics/trust.py.
    ULTRALYTICS_SAFE_LOAD=true \
    # Waiting threads sleep, as in utils/threads.py: ZenML imports torch before any code of ours.
    OMP_WAIT_POLICY=PASSIVE
WORKDIR /app
USER 1000:1000
COPY --chown=1000:1000 LICENSE run.py ./
COPY --chown=1000:1000 commands commands
COPY --chown=1000:1000 configs configs
COPY --chown=1000:1000 harbour harbour
COPY --chown=1000:1000 materializers materializers
COPY --chown=1000:1000 pipelines pipelines
COPY --chown=1000:1000 plugins plugins
COPY --chown=1000:1000 records records
COPY --chown=1000:1000 slurm slurm
COPY --chown=1000:1000 steps steps
COPY --chown=1000:1000 utils utils
RUN python -m compileall -q .
# ZenML names the command of a job; an entry point would come before it.
ENTRYPOINT []
CMD ["python", "run.py", "--help"]
