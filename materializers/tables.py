"""The nouns that are Parquet files: stored as they are, shown as a page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer
from zenml.metadata.metadata_types import MetadataType, Uri

from materializers.folders import download_folder, upload_folder
from materializers.pages import store_page
from utils.counting.counts import Counts
from utils.counting.outputs import CSV_FILE
from utils.counting.outputs import GEOJSON_FILE as COUNTS_GEOJSON
from utils.counting.survey import Survey
from utils.dataset.labeled import LabeledDataset
from utils.detection.geojson import GEOJSON_FILE
from utils.detection.predictions import Predictions
from utils.feedback.picked import PickedTiles
from utils.feedback.sendable import sent_boxes, told_about
from utils.files import sha256_of
from utils.tiling.manifest import TileManifest

_FILE = "table.parquet"
_COCO_JSON = "predictions.json"
_GEOJSON = "geojson"
_LABELS = "labels"
_FILES = "files"
_COUNTS_PAGE = "counts.html"


class _TableMaterializer(BaseMaterializer):
    """A noun whose only content is a Parquet file at `path`."""

    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA
    SKIP_REGISTRATION: ClassVar[bool] = True

    def load(self, data_type: type[Any]) -> Any:
        """Copy the file to a folder that ZenML removes after the step."""
        with self.get_temporary_directory(delete_at_exit=False) as folder:
            local = Path(folder) / _FILE
        fileio.copy(f"{self.uri}/{_FILE}", str(local))
        return data_type(local)

    def save(self, data: Any) -> None:
        """Copy the file to the artifact store."""
        fileio.copy(str(data.path), f"{self.uri}/{_FILE}")

    def compute_content_hash(self, data: Any) -> str | None:
        """The hash of the file, by which ZenML recognises equal artifacts."""
        return sha256_of(data.path)


class TileManifestMaterializer(_TableMaterializer):
    """The tile manifest, shown with counts, histograms and sample tiles."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (TileManifest,)

    def save_visualizations(self, data: TileManifest) -> dict[str, VisualizationType]:
        """Make the page."""
        from utils.reports.manifest_page import manifest_page

        return store_page(self.uri, "tile_manifest.html", manifest_page(data))

    def extract_metadata(self, data: TileManifest) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        return {
            "kind": data.kind.value,
            "tiles": len(data),
            "classes": list(data.class_names),
        }


class LabeledDatasetMaterializer(_TableMaterializer):
    """The labelled dataset, shown with its classes and review states."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (LabeledDataset,)

    def save_visualizations(self, data: LabeledDataset) -> dict[str, VisualizationType]:
        """Make the page."""
        from utils.reports.dataset_page import dataset_page

        return store_page(self.uri, "labeled_dataset.html", dataset_page(data))

    def extract_metadata(self, data: LabeledDataset) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        boxes = Counter(dict.fromkeys(data.class_names, 0))
        reviewed = 0
        for tile in data:
            boxes.update(tile.shapes.labels)
            reviewed += tile.reviewed
        return {
            "tiles": len(data),
            "classes": list(data.class_names),
            "reviewed": reviewed,
            "boxes": boxes.total(),
            "boxes_by_class": dict(boxes),
        }


class PickedTilesMaterializer(_TableMaterializer):
    """Picked tiles, shown with the boxes found on them and why they were picked."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (PickedTiles,)

    def save_visualizations(self, data: PickedTiles) -> dict[str, VisualizationType]:
        """Make the page."""
        from utils.reports.picked_page import picked_page

        return store_page(self.uri, "picked_tiles.html", picked_page(data))

    def extract_metadata(self, data: PickedTiles) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        reasons = Counter(one.reason.value for one in data)
        sent, kept_back = sent_boxes(data)
        return {
            "tiles": len(data),
            "reasons": dict(reasons),
            "boxes_sent": sent,
            "boxes_not_sent": kept_back,
            "sending": told_about(data),
            "page": f"{self.uri}/picked_tiles.html",
        }


class SurveyMaterializer(_TableMaterializer):
    """A survey: the tiles in the order of the draws; the counts have the page."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Survey,)

    def extract_metadata(self, data: Survey) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        return {"kind": data.kind.value, "survey": data.name, "draws": data.asked}


class CountsMaterializer(_TableMaterializer):
    """Counts with intervals, shown as a page; as CSV and GeoJSON too."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Counts,)

    def load(self, data_type: type[Any]) -> Counts:
        """Copy the table, its files and its page."""
        counts: Counts = super().load(data_type)
        files = download_folder(f"{self.uri}/{_FILES}", counts.path.with_name(_FILES))
        page = counts.path.with_name(_COUNTS_PAGE)
        fileio.copy(f"{self.uri}/{_COUNTS_PAGE}", str(page))
        return replace(counts, files=files, page=page)

    def save(self, data: Counts) -> None:
        """Copy the table and its files."""
        super().save(data)
        if data.files:
            fileio.makedirs(f"{self.uri}/{_FILES}")
            upload_folder(data.files, f"{self.uri}/{_FILES}")

    def save_visualizations(self, data: Counts) -> dict[str, VisualizationType]:
        """Store the page, which was made beside the tiles that it shows."""
        html = data.page.read_text(encoding="utf-8") if data.page else ""
        return store_page(self.uri, _COUNTS_PAGE, html)

    def extract_metadata(self, data: Counts) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        total = next(iter(data))
        figures: dict[str, MetadataType] = {
            "estimate": total.estimate,
            "predicted": total.predicted,
            "reviewed": total.reviewed,
            "interval_kind": data.footer["interval"],
            "csv": Uri(f"{self.uri}/{_FILES}/{CSV_FILE}"),
        }
        if total.low is not None and total.high is not None:
            figures |= {"low": total.low, "high": total.high}
        if data.files and (data.files / COUNTS_GEOJSON).is_file():
            figures["map"] = Uri(f"{self.uri}/{_FILES}/{COUNTS_GEOJSON}")
        return figures


class PredictionsMaterializer(_TableMaterializer):
    """Predictions, shown as overlays on the scenes; as COCO json and GeoJSON too."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Predictions,)

    def load(self, data_type: type[Any]) -> Predictions:
        """Copy the table, and the other formats it is there in."""
        predictions: Predictions = super().load(data_type)
        coco_json = geojson = label_files = None
        if fileio.exists(self._coco_json):
            coco_json = predictions.path.with_name(_COCO_JSON)
            fileio.copy(self._coco_json, str(coco_json))
        if fileio.exists(f"{self._geojson}/{GEOJSON_FILE}"):
            folder = download_folder(self._geojson, predictions.path.with_name(_GEOJSON))
            geojson = folder / GEOJSON_FILE
        if fileio.exists(self._label_files):
            label_files = download_folder(self._label_files, predictions.path.with_name(_LABELS))
        return replace(predictions, coco_json=coco_json, geojson=geojson, label_files=label_files)

    def save(self, data: Predictions) -> None:
        """Copy the table, and the other formats it is there in."""
        super().save(data)
        if data.coco_json:
            fileio.copy(str(data.coco_json), self._coco_json)
        if data.geojson:
            upload_folder(data.geojson.parent, self._geojson)
        if data.label_files:
            upload_folder(data.label_files, self._label_files)

    def save_visualizations(self, data: Predictions) -> dict[str, VisualizationType]:
        """Make the page."""
        from utils.reports.predictions_page import predictions_page

        return store_page(self.uri, "predictions.html", predictions_page(data))

    def extract_metadata(self, data: Predictions) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        faint = [scene.faint_boxes for scene in data]
        known = [count for count in faint if count is not None]
        figures: dict[str, MetadataType] = {
            "kind": data.kind.value,
            "scenes": len(data),
            "georeferenced_scenes": sum(scene.georeference is not None for scene in data),
            "boxes": sum(len(scene.shapes) for scene in data),
            "least_score": max((scene.least_score for scene in data), default=0.0),
            "edge_boxes": sum(sum(scene.at_edge) for scene in data),
            "edge_boxes_dropped": sum(scene.edge_boxes_dropped for scene in data),
            "boxes_outside": sum(scene.boxes_outside for scene in data),
            "windows": sum(scene.windows for scene in data),
            "windows_without_data": sum(scene.windows_without_data for scene in data),
            "windows_outside": sum(scene.windows_outside for scene in data),
            "skipped_windows": sum(scene.skipped_windows for scene in data),
            "backend": "; ".join(sorted({scene.backend for scene in data} - {""})),
        }
        if len(known) == len(faint):
            figures["faint_boxes"] = sum(known)
        if data.coco_json:
            figures["coco_json"] = Uri(self._coco_json)
        if data.geojson:
            figures["geojson"] = Uri(f"{self._geojson}/{GEOJSON_FILE}")
        if data.label_files:
            figures["label_files"] = Uri(self._label_files)
        return figures

    @property
    def _coco_json(self) -> str:
        """Address of the stored COCO json."""
        return f"{self.uri}/{_COCO_JSON}"

    @property
    def _geojson(self) -> str:
        """The folder where the GeoJSON files are stored."""
        return f"{self.uri}/{_GEOJSON}"

    @property
    def _label_files(self) -> str:
        """The folder where the label files of YOLO and DOTA are stored."""
        return f"{self.uri}/{_LABELS}"
