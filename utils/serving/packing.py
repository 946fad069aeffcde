"""Pack a detector as a bundle."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from utils.detection.backend_choice import LEAST_AGREEMENT, agreement
from utils.detection.detector import FAINT_SHARE, Detector
from utils.detection.onnx.letterbox import Pixels
from utils.detection.options import InferenceOptions
from utils.detection.scale import plan_windows
from utils.detection.ultralytics.network import load_network
from utils.errors import BundleError
from utils.files import write_whole
from utils.serving.bento_files import write_bento, write_entry
from utils.serving.bundle import SOURCE, Bundle, BundleSettings
from utils.serving.model_card import card_markdown, card_page
from utils.serving.model_facts import ModelFacts
from utils.serving.network_file import write_network
from utils.serving.objects import objects_of
from utils.serving.packed_code import copy_code
from utils.serving.prediction import network_of, predict_image
from utils.serving.reference import ReferenceTiles, write_reference
from utils.shapes.shapes import Shapes

_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Packed:
    """Facts of a model version that its bundle tells, beside the detector itself.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        evaluation: Scores by name, such as `mAP50`.
        facts: Facts for the model card; those of the detector alone by default.
    """

    model: str
    version: str
    evaluation: dict[str, float] = field(default_factory=dict)
    facts: ModelFacts | None = None


def pack_detector(
    detector: Detector,
    options: InferenceOptions,
    test_image: Pixels,
    packed: Packed,
    folder: Path,
    reference: ReferenceTiles | None = None,
) -> Bundle:
    """Pack a detector: the same detector with the same options makes the same bytes.

    Args:
        detector: Detector whose best weights are exported.
        options: Options of the predictions; `auto` values are chosen now.
        test_image: Upright RGB image, uint8 of shape (height, width, 3), on which the service
            proves itself.
        packed: Name, version and scores of the model.
        folder: Folder of the bundle, which must not exist yet or be empty.
        reference: Tiles that tell what is usual, for monitoring; a bundle without them tells no
            outlier scores, and has nothing that its predictions could be compared with.

    Raises:
        BundleError: If the options cannot be served, or the folder holds something.
        DetectorError: If the weights cannot be loaded.
    """
    require_servable(options)
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"{folder} holds something already. Name a folder that does not exist.")
    source = folder / SOURCE
    (source / "test").mkdir(parents=True)
    image_size = options.imgsz or detector.image_size
    head = write_network(detector, image_size, source / "network.onnx")
    bundle = Bundle(
        folder=source,
        digest="",
        model=packed.model,
        version=packed.version,
        kind=detector.kind,
        class_names=detector.class_names,
        image_size=image_size,
        head=head,
        settings=settings_of(detector, options),
        evaluation=packed.evaluation,
        weights=detector.weights_sha256,
    )
    found = write_test(bundle, test_image)
    require_same(detector, options, found, test_image)
    if reference is not None:
        write_reference(bundle, reference.chosen())
    copy_code(source)
    write_entry(source)
    shutil.copyfile(_PROJECT / "LICENSE", source / "LICENSE")
    facts = packed.facts or ModelFacts(detector=detector)
    card = card_markdown(bundle, facts)
    write_whole(source / "card.md", card)
    write_whole(source / "card.html", card_page(bundle, facts, test_image, found))
    bundle = bundle.write()
    write_whole(folder / "README.md", card)
    write_bento(bundle, facts.created)
    return bundle


def require_servable(options: InferenceOptions) -> None:
    """Make sure that a service can predict with some options.

    Raises:
        BundleError: If it cannot.
    """
    if options.augment:
        raise BundleError(
            "A service does not predict with test-time augmentation, so that the bundle would find "
            "other objects than its evaluation. Set inference.augment to false."
        )


def require_same(
    detector: Detector, options: InferenceOptions, found: Shapes, image: Pixels
) -> None:
    """Make sure that the packed network finds on an image what PyTorch finds there.

    Args:
        detector: The detector; one that is an exported network has nothing to be compared with.
        options: Options of the predictions.
        found: Shapes that the packed network finds.
        image: The image.

    Raises:
        BundleError: If fewer than 99 % of the clear shapes have a counterpart.
        DetectorError: If the weights cannot be loaded.
    """
    settings = settings_of(detector, options)
    if detector.is_exported:
        return
    network = load_network(detector, options, options.imgsz or detector.image_size)
    network.keep_from(settings.confidence * FAINT_SHARE)
    expected = predict_image(network, image, settings)
    share, clear = agreement([expected], [found])
    if share < LEAST_AGREEMENT:
        raise BundleError(
            f"The exported network finds only {share:.0%} of {clear} clear {found.kind.noun} on "
            "the test image as PyTorch does, so it is not packed. Pack another version."
        )


def settings_of(detector: Detector, options: InferenceOptions) -> BundleSettings:
    """The settings of a service, with the numbers that an inference would choose."""
    plan = plan_windows(detector, options)
    return BundleSettings(
        confidence=detector.least_score(options.confidence),
        iou=options.iou,
        merge_iou=options.merge_iou,
        max_boxes=options.max_boxes,
        outline_tolerance=options.outline_tolerance,
        top_k=options.top_k,
        tile_size=plan.tile_size,
        overlap=plan.overlap,
        classify=options.classify,
        skip_empty=options.skip_empty,
        empty_contrast=options.empty_contrast,
        edges=options.edges,
        pixels=options.pixels.model_dump(mode="json"),
        # Windows of a size by hand are the same in every scene, as in an inference.
        ground_sample_distance=(
            detector.ground_sample_distance if options.tile_size == "auto" else None
        ),
        tile_side=detector.tile_side,
    )


def write_test(bundle: Bundle, image: Pixels) -> Shapes:
    """Write the test image of a bundle, and what its network finds on it, which is returned."""
    height, width = image.shape[:2]
    Image.fromarray(image).save(bundle.test_image)
    shapes = predict_image(network_of(bundle), image, bundle.settings)
    expected = {
        "kind": bundle.kind.value,
        "width": width,
        "height": height,
        "objects": objects_of(shapes),
    }
    write_whole(bundle.expected, json.dumps(expected, indent=1) + "\n")
    return shapes
