"""Each sample judged: which predicted boxes are right, which are not, and which are missing.

The matching is that of COCO, as `Dataset.evaluate_detections` does it, and the result is registered
as such a run, so that the App shows it. FiftyOne's own loop takes 15 ms a sample, most of it to
turn documents into objects and back; this one works on the documents.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.box_formats import from_relative_xywh
from utils.curation.documents import IDENTITY, Document
from utils.curation.fields import FOUND, TRUTH
from utils.curation.transfer import read_documents, writer
from utils.geometry import Boxes, iou_matrix

EVALUATION = "eval"
_IOU = 0.5
_SAMPLES_PER_BATCH = 2000

# (true class, predicted class, IoU, score, id of the true box, id of the predicted box), where what
# has no counterpart is None: the form of FiftyOne's results.
Match = tuple[str | None, str | None, float | None, float | None, str | None, str | None]


def forget_evaluation(dataset: Any) -> None:
    """Remove the judgement from a dataset of which something is about to change."""
    if dataset.has_evaluation(EVALUATION):
        dataset.delete_evaluation(EVALUATION)


def evaluate(dataset: Any) -> int:
    """Give each sample with truth and predictions its numbers of true and false boxes.

    Samples get `eval_tp`, `eval_fp` and `eval_fn`; boxes get `eval` ("tp", "fp" or "fn"), `eval_id`
    and `eval_iou` of their counterpart. A dataset that has been judged already is left alone.

    Args:
        dataset: A `fiftyone.Dataset`.

    Returns:
        The number of samples judged, now or before.
    """
    from fiftyone.utils.eval.coco import COCOEvaluationConfig

    both = dataset.exists(TRUTH).exists(FOUND)
    sample_ids = both.values("id")
    if not sample_ids or dataset.has_evaluation(EVALUATION):
        return len(sample_ids)
    method = COCOEvaluationConfig(FOUND, TRUTH, iou=_IOU, classwise=True).build()
    method.ensure_requirements()
    method.register_samples(both, EVALUATION)
    matches: list[Match] = []
    with writer(dataset) as write:
        for documents in read_documents(dataset, sample_ids, _SAMPLES_PER_BATCH):
            for document in documents:
                matches += judge(document)
            write([_judgement(document) for document in documents])
    # Registered last: a run that was killed before is not taken for a judgement.
    method.register_run(both, EVALUATION)
    results = method.generate_results(both, matches, eval_key=EVALUATION)
    method.save_run_results(both, EVALUATION, results)
    method.add_fields_to_sidebar_group(both, EVALUATION, omit_fields=(FOUND, TRUTH))
    return len(sample_ids)


def judge(document: Document) -> list[Match]:
    """Write the judgement of a sample into its document; returns the matches."""
    truth, found = document[TRUTH]["detections"], document[FOUND]["detections"]
    partners = match_boxes(_boxes(truth), _boxes(found))
    matches: list[Match] = []
    for box in (*truth, *found):
        box |= {f"{EVALUATION}_id": "", f"{EVALUATION}_iou": None}
    for box, (partner, iou) in zip(found, partners, strict=True):
        if partner is None:
            box[EVALUATION] = "fp"
            matches.append((None, box["label"], None, _score(box), None, _id(box)))
        else:
            true_box = truth[partner]
            for one, other in ((box, true_box), (true_box, box)):
                one |= {EVALUATION: "tp", f"{EVALUATION}_id": _id(other), f"{EVALUATION}_iou": iou}
            labels = true_box["label"], box["label"]
            matches.append((*labels, iou, _score(box), _id(true_box), _id(box)))
    matched = {partner for partner, _ in partners}
    for index in sorted(set(range(len(truth))) - matched):
        truth[index][EVALUATION] = "fn"
        matches.append((truth[index]["label"], None, None, None, _id(truth[index]), None))
    right = len(found) - sum(partner is None for partner, _ in partners)
    document |= {
        f"{EVALUATION}_tp": right,
        f"{EVALUATION}_fp": len(found) - right,
        f"{EVALUATION}_fn": len(truth) - right,
    }
    return matches


def match_boxes(
    truth: Boxes, found: Boxes, iou: float = _IOU
) -> list[tuple[int | None, float | None]]:
    """Match found boxes, the surest first, each to the true box of its class it overlaps most.

    Args:
        truth: The true boxes; each is matched at most once.
        found: The predicted boxes, with scores.
        iou: Smallest intersection over union of a match.

    Returns:
        For each found box the index of its true box and their IoU, or (None, None).
    """
    partners: list[tuple[int | None, float | None]] = [(None, None)] * len(found)
    if not len(truth) or not len(found):
        return partners
    same_class = np.array(found.labels)[:, None] == np.array(truth.labels)[None, :]
    overlaps = np.where(same_class, iou_matrix(found.xyxy, truth.xyxy), 0.0)
    scores = found.scores if found.scores is not None else np.ones(len(found))
    for index in np.argsort(-scores, kind="stable"):
        best = int(np.argmax(overlaps[index]))
        if overlaps[index, best] >= iou:
            partners[index] = best, float(overlaps[index, best])
            overlaps[:, best] = 0.0
    return partners


def _judgement(document: Document) -> Document:
    counts = [f"{EVALUATION}_{kind}" for kind in ("tp", "fp", "fn")]
    return {field: document[field] for field in (*IDENTITY, TRUTH, FOUND, *counts)}


def _boxes(detections: list[Document]) -> Boxes:
    shares = np.array([box["bounding_box"] for box in detections], dtype=np.float64)
    return Boxes(
        from_relative_xywh(shares, 1, 1),
        tuple(box["label"] for box in detections),
        np.array([_score(box) or 0.0 for box in detections]),
    )


def _score(box: Document) -> float | None:
    return box.get("confidence")


def _id(box: Document) -> str:
    return str(box["_id"]["$oid"])
