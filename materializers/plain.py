"""Lists and dictionaries, as JSON and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.materializers.built_in_materializer import BuiltInContainerMaterializer
from zenml.materializers.materializer_registry import materializer_registry

from utils.errors import StoreError


class PlainMaterializer(BuiltInContainerMaterializer):
    """Plain values as JSON.

    ZenML's materializer also loads elements by the class that a file beside the artifact names,
    which may unpickle: anybody who can write to the artifact store could run code in the next step.
    """

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (dict, list, set, tuple)

    def load(self, data_type: type[Any]) -> Any:
        """Read the JSON.

        Raises:
            StoreError: If there is none.
        """
        if not self.artifact_store.exists(self.data_path):
            raise StoreError(
                f"The artifact in {self.uri} is not the JSON that Spyglass wrote there. "
                "Set enable_cache: false in the file of the pipeline that makes it, and run that."
            )
        return super().load(data_type)


for _kind in PlainMaterializer.ASSOCIATED_TYPES:
    # ZenML has one for them already, and would keep it.
    materializer_registry.register_and_overwrite_type(_kind, PlainMaterializer)
