"""Finding a Hugging Face dataset, on the hub or in a local folder, before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.errors import SourceError
from utils.paths import local_folder
from utils.scenes.image_files import existing_folder
from utils.scenes.options import HuggingFaceSource

if TYPE_CHECKING:
    from datasets import IterableDataset

_HUB_TIMEOUT_S = 20
_SAVED_TO_DISK = ("dataset_dict.json", "state.json")


def dataset_name(dataset: str) -> str:
    """The last part of a hub id or of a folder's path."""
    return Path(dataset).expanduser().absolute().name


def load_streamed(options: HuggingFaceSource) -> tuple[IterableDataset, int | None]:
    """The dataset's split as a stream with known features, and its number of rows where known.

    Raises:
        SourceError: If the dataset or its split cannot be found or reached.
    """
    folder = _local_dataset(options.dataset)
    if folder is None:
        _check_hub(options)
    try:
        if folder and any((folder / name).is_file() for name in _SAVED_TO_DISK):
            return _saved_to_disk(folder, options.split)
        return _streamed(str(folder) if folder else options.dataset, options)
    except SourceError:
        raise
    except Exception as error:  # every kind of data file has errors of its own
        known = _config_names(str(folder) if folder else options.dataset, options)
        if len(known) > 1 and options.config_name not in known:
            raise SourceError(
                f"The dataset '{options.dataset}' has several configurations. "
                f"Set `config_name` to one of: {', '.join(known)}."
            ) from error
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SourceError(
            f"The split '{options.split}' of the dataset '{options.dataset}' cannot be read: "
            f"{reason.rstrip('.')}. Correct `dataset` or `split`."
        ) from error


def _config_names(dataset: str, options: HuggingFaceSource) -> list[str]:
    """The configurations of a dataset; none where they cannot be found out."""
    import datasets

    try:
        return list(datasets.get_dataset_config_names(dataset, revision=options.revision))
    except Exception:  # the error that led here says more
        return []


def _local_dataset(dataset: str) -> Path | None:
    """The folder that `dataset` names, or None for the id of one on the hub."""
    path = Path(dataset).expanduser()
    looks_like_a_path = path.is_absolute() or dataset.startswith(".") or dataset.count("/") > 1
    return existing_folder(path) if looks_like_a_path or path.is_dir() else None


def _check_hub(options: HuggingFaceSource) -> None:
    """Ask the hub for the dataset once; loading it would try for half a minute."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        HfApi().dataset_info(
            options.dataset, revision=options.revision, timeout=_HUB_TIMEOUT_S, files_metadata=False
        )
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise SourceError(
            f"There is no dataset '{options.dataset}' on the Hugging Face hub that you may read. "
            "Correct `dataset`, or set HF_TOKEN if it is private."
        ) from error
    except Exception as error:  # the hub's client changes its HTTP library now and then
        reason = str(error).strip().partition("\n")[0]
        raise SourceError(
            f"The Hugging Face hub could not be asked for the dataset '{options.dataset}' "
            f"({reason}). Check the network, or give a local folder as `dataset`."
        ) from error


def _saved_to_disk(folder: Path, split: str) -> tuple[IterableDataset, int]:
    """A dataset written by `save_to_disk`: its Arrow files are mapped, not loaded."""
    import datasets

    saved = datasets.load_from_disk(str(folder))
    if isinstance(saved, datasets.DatasetDict):
        if split not in saved:
            raise SourceError(
                f"{folder} has no split '{split}'. Correct `split`; known are {', '.join(saved)}."
            )
        saved = saved[split]
    return saved.to_iterable_dataset(), len(saved)


def _streamed(dataset: str, options: HuggingFaceSource) -> tuple[IterableDataset, int | None]:
    import datasets

    streamed: Any = datasets.load_dataset(
        dataset,
        options.config_name,
        split=options.split,
        revision=options.revision,
        streaming=True,
        cache_dir=str(local_folder("cache", "hugging_face")),
    )
    # Formats without a schema (JSON, CSV) are known only from their first rows.
    known = streamed if streamed.features else streamed._resolve_features()
    description = (known.info.splits or {}).get(options.split)
    return known, (description.num_examples or None) if description else None
