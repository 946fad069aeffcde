"""Pack a detector for serving."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.model_versions import created_at
from records.running_step import scratch_folder
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.splits import as_splits
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.evaluation.evaluate import unseen_tiles
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.predict_tiles import read_tile
from utils.serving.bundle import Bundle
from utils.serving.code_version import code_version
from utils.serving.model_facts import ModelFacts, data_facts
from utils.serving.options import PackageOptions
from utils.serving.packing import Packed, pack_detector, require_servable
from utils.serving.reference import reference_tiles
from utils.serving.test_tile import choose_test_tile


@step
def package_detector(
    detector: Detector,
    labels: LabeledDataset,
    splits: dict[str, str],
    evaluation: Evaluation,
    package: PackageOptions,
    inference: InferenceOptions,
) -> Annotated[Bundle, "bundle"]:
    """Pack the best weights; the test image is the tile of the test split that it knows best."""
    require_servable(inference)
    split_of = as_splits(splits)
    _, tiles = unseen_tiles(labels, split_of)
    images = local_images(tiles)
    tile = choose_test_tile(detector, tiles, images, inference)
    context = get_step_context()
    model = context.model
    about = data_facts(labels, split_of, package.licences)
    dataset = context.inputs["labels"][0]
    about["labels"] |= {
        "version of the dataset": str(dataset.version),
        "exported": dataset.created.date().isoformat(),
    }
    facts = ModelFacts(
        detector=detector,
        created=created_at(model.name, model.number),
        evaluation=evaluation,
        intended_use=package.intended_use,
        not_intended=package.not_intended,
        licence=package.licence,
        code_version=code_version(),
        **about,
    )
    packed = Packed(model.name, str(model.number), facts.scores, facts)
    image = read_tile(images[tile.tile_id])
    reference = reference_tiles(labels, split_of, tiles, images)
    folder = scratch_folder() / "bundle"
    return pack_detector(detector, inference, image, packed, folder, reference)
