"""The pages of MLflow and ZenML behind a gate: `python -m commands.servers.pages NAME PORT`.

Without the gate both answer any program of any user of this machine. ZenML's server also answers
any web page that the user opens, with the content of every secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from utils.gate import Application, serve
from utils.paths import local_folder


def mlflow_page() -> Application:
    """Make MLflow's server on the embedded store, set up as `mlflow server` does it."""
    from mlflow.server import constants
    from mlflow.server.handlers import initialize_backend_stores

    folder = local_folder("mlflow")
    store, artifacts = f"sqlite:///{folder / 'mlflow.db'}", "mlflow-artifacts:/"
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.REGISTRY_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: artifacts,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: str(folder / "artifacts"),
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "_MLFLOW_SGI_NAME": "uvicorn",
    }
    initialize_backend_stores(store, store, artifacts)
    from mlflow.server.fastapi_app import app

    return app  # type: ignore[no-any-return]


def dashboard(store: str, stores: str) -> Application:
    """Make ZenML's server and dashboard on a store of this machine, without authentication.

    The settings are those of `zenml login --local`.

    Args:
        store: Address of the store, an SQLite file.
        stores: Folder of its local artifact stores.
    """
    Path(store.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "ZENML_CONFIG_PATH": str(local_folder("dashboard", "config")),
        "ZENML_LOCAL_STORES_PATH": stores,
        "ZENML_STORE_TYPE": "sql",
        "ZENML_STORE_URL": store,
        "ZENML_SERVER": "true",
        "ZENML_SERVER_ALLOW_LOCAL_FILE_ACCESS": "true",
        "ZENML_SERVER_AUTH_SCHEME": "NO_AUTH",
        "ZENML_SERVER_AUTO_ACTIVATE": "true",
        "ZENML_SERVER_DEPLOYMENT_TYPE": "local",
    }
    from zenml.zen_server.zen_server_api import app

    return app


_PAGES: dict[str, Callable[..., Application]] = {"mlflow": mlflow_page, "dashboard": dashboard}


if __name__ == "__main__":
    serve(_PAGES[sys.argv[1]](*sys.argv[3:]), int(sys.argv[2]))
