"""The classes of a source after renaming, merging, dropping and ordering."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from utils.errors import ConfigurationError
from utils.issues import Issue, IssueReport
from utils.labels.objects import UNKNOWN_CLASS, nothing_is_there
from utils.scenes.scene import Scene
from utils.shapes.shapes import Shapes

DROPPED_CLASS = "class left out by class_mapping"
UNMET_CLASS = "class in class_mapping that no box has"
_GUESS = "did you mean"
_NONE = "none"


@dataclass(frozen=True, slots=True)
class ClassRules:
    """The fate of each class of a source.

    Attributes:
        mapping: New names; None drops a class. Classes not in it keep their name.
        allowed: The classes that may come out, in order; empty allows all.
        declared: The classes that the source says it has: leaving one of these out is a choice,
            whereas a box of any other class is lost by mistake.
    """

    mapping: Mapping[str, str | None]
    allowed: tuple[str, ...] = ()
    declared: frozenset[str] = frozenset()

    def class_names(self, found: Iterable[str]) -> tuple[str, ...]:
        """The classes that come out, in order, of a source that has those `found`."""
        return self.allowed or self.renamed(found)

    def renamed(self, class_names: Iterable[str]) -> tuple[str, ...]:
        """The new names of classes, each once, in order, without those left out."""
        names = (self.mapping.get(name, name) for name in class_names)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def apply(self, scene: Scene, report: IssueReport) -> Scene:
        """The scene with its shapes renamed; shapes left out are counted in the report."""
        if scene.shapes is None:
            return scene
        dropped: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        first, *further = (self._kept(shapes, dropped, unknown) for shapes in scene.held)
        for name, count in dropped.items():
            report.add(scene.id, DROPPED_CLASS, f"{count} boxes of '{name}'", set_aside=False)
        lost = 0
        for name, count in unknown.items():
            detail = f"{count} boxes of '{name}', which is not in `classes`, are left out"
            if name not in self.declared:
                lost += count
                detail += f"; add it, or `class_mapping: {{'{name}': null}}` if that is meant"
            lost_now = 0 if name in self.declared else count
            report.add(scene.id, UNKNOWN_CLASS, detail, set_aside=False, lost=lost_now)
        return replace(scene, shapes=first, further=tuple(further), lost=scene.lost + lost)

    def _kept(self, shapes: Shapes, dropped: Counter[str], unknown: Counter[str]) -> Shapes:
        """The shapes that stay, renamed; the others are counted by their old class."""
        names: list[str] = []
        kept: list[int] = []
        for index, old in enumerate(shapes.labels):
            new = self.mapping.get(old, old)
            if new is not None and (not self.allowed or new in self.allowed):
                kept.append(index)
                names.append(new)
            elif new is None:
                dropped[old] += 1
            elif shapes.kind.has_places or not nothing_is_there(old):
                unknown[old] += 1
        return replace(shapes.select(kept), labels=tuple(names))


def class_rules(
    classes: tuple[str, ...], mapping: Mapping[str, str | None], found: tuple[str, ...]
) -> ClassRules:
    """The rules from the options of a source.

    Args:
        classes: As configured, by their old or their new names; empty for those of the source.
        mapping: As configured.
        found: The classes the source says it has; empty where it does not say.

    Raises:
        ConfigurationError: If the mapping names a class that the source does not have, or it has
            none of those configured.
    """
    for name in mapping:
        if found and name not in found:
            raise ConfigurationError(
                f"class_mapping renames '{name}', which is no class of the source: "
                f"{_hint(name, found)}"
            )
    rules = ClassRules(mapping, ClassRules(mapping).renamed(classes), frozenset(found))
    known = ClassRules(mapping).renamed(found)
    if known and rules.allowed and not set(rules.allowed) & set(known):
        raise ConfigurationError(
            f"None of the classes in `source.classes` ({', '.join(classes)}) is a class of the "
            f"source: {_hint(classes[0], known)}"
        )
    return rules


def note_unmet(mapping: Mapping[str, str | None], met: Iterable[str], report: IssueReport) -> None:
    """Report the classes that a mapping renames and no box has had.

    Args:
        mapping: As configured.
        met: The classes of all boxes of a source that does not say which it has.
        report: Receives the issues.
    """
    known = sorted(met)
    for name in mapping:
        if name not in known:
            detail = f"class_mapping renames it, but no box has it: {_hint(name, known)}"
            report.add(f"class '{name}'", UNMET_CLASS, detail, set_aside=False)


def merge_issues(reports: Sequence[IssueReport]) -> IssueReport:
    """One report of several shares of a source; a class is unmet when no share has met it."""
    unmet: dict[str, list[Issue]] = defaultdict(list)
    for report in reports:
        for issue in report.issues:
            if issue.kind == UNMET_CLASS:
                unmet[issue.item].append(issue)
    others = [
        IssueReport([issue for issue in report.issues if issue.kind != UNMET_CLASS])
        for report in reports
    ]
    nowhere = [
        max(found, key=_is_telling) for found in unmet.values() if len(found) == len(reports)
    ]
    return IssueReport.merge([*others, IssueReport(nowhere)])


def _is_telling(unmet: Issue) -> tuple[bool, bool, int]:
    """A share that has met few classes has little to say of the one that is missing."""
    return _GUESS in unmet.detail, _NONE not in unmet.detail, len(unmet.detail)


def _hint(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"{_GUESS} '{near[0]}'?" if near else f"known are {', '.join(known) or _NONE}."
