"""Items that were set aside, with reasons: they neither stop the rest nor disappear."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import Self

from utils.errors import TooManyIssuesError

_EXAMPLES = 3
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one item.

    Attributes:
        item: The file, scene, tile, task or box at fault, named so that a person can find it.
        kind: A short fixed phrase to count by, such as "image does not decode".
        detail: One sentence with the particulars.
        set_aside: Whether the whole item (scene, tile, task) was left out; False when only a part
            of it was, or when the item is none of these (a label file without image).
        lost: Number of labels (boxes, outlines) that are lost with it; they count in the share
            that may be lost (`max_bad_share`).
    """

    item: str
    kind: str
    detail: str
    set_aside: bool = True
    lost: int = 0

    def __post_init__(self) -> None:
        """Escape what UTF-8 cannot hold: names of files and classes come from anywhere."""
        object.__setattr__(self, "item", printable(self.item))
        object.__setattr__(self, "detail", printable(self.detail))


def printable(text: str) -> str:
    """The text with lone surrogates, as in file names that are not UTF-8, escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass
class IssueReport:
    """The issues found in one piece of work, in the order found.

    Attributes:
        issues: Every issue.
    """

    issues: list[Issue] = field(default_factory=list)

    def add(
        self, item: object, kind: str, detail: object, *, set_aside: bool = True, lost: int = 0
    ) -> None:
        """Note one issue."""
        self.issues.append(Issue(str(item), kind, str(detail), set_aside, lost))

    def extend(self, issues: Iterable[Issue]) -> None:
        """Note several issues."""
        self.issues.extend(issues)

    def __len__(self) -> int:
        """The number of issues."""
        return len(self.issues)

    def counts(self) -> dict[str, int]:
        """The number of issues of each kind, most frequent first."""
        return dict(Counter(issue.kind for issue in self.issues).most_common())

    def examples(self, count: int) -> list[str]:
        """One sentence for each of the first issues.

        Args:
            count: Largest number of issues. The first of each kind comes before all others, the
                most frequent kind first.
        """
        kinds = list(self.counts())
        seen: Counter[str] = Counter()
        ranked = []
        for issue in self.issues:
            ranked.append((seen[issue.kind], kinds.index(issue.kind), issue))
            seen[issue.kind] += 1
        chosen = nsmallest(count, ranked, key=lambda entry: entry[:2])
        return [f"{issue.item}: {issue.detail}"[:_LONGEST] for _, _, issue in chosen]

    def items_set_aside(self) -> int:
        """The number of distinct items left out."""
        return len({issue.item for issue in self.issues if issue.set_aside})

    def labels_lost(self) -> int:
        """The number of labels lost with the items and parts of items left out."""
        return sum(issue.lost for issue in self.issues)

    def check_share(self, total: int, max_share: float, what: str, option: str) -> None:
        """Refuse to go on when too much was set aside.

        Args:
            total: Number of items checked, good and bad.
            max_share: The largest share of them that may be set aside, in [0, 1].
            what: The items in the plural, for the message, such as "scenes".
            option: Key of the limit in the configuration, such as `source.max_bad_share`.

        Raises:
            TooManyIssuesError: If the share is exceeded; it names the first few.
        """
        bad = self.items_set_aside()
        if bad <= total * max_share:
            return
        first = islice((issue for issue in self.issues if issue.set_aside), _EXAMPLES)
        examples = "; ".join(f"{issue.item}: {issue.detail.rstrip('.')}" for issue in first)
        raise TooManyIssuesError(
            f"{bad} of {total} {what} had to be set aside, more than the limit of "
            f"{max_share:.0%}: {examples}. {_remedy(bad / total, option)}"
        )

    def check_left(self, left: int, what: str) -> None:
        """Refuse to go on when nothing is left, whatever share may be set aside.

        Args:
            left: Number of items that can be used.
            what: The items in the plural, for the message, such as "scenes".

        Raises:
            TooManyIssuesError: If there is none; it names the first that was set aside.
        """
        first = next((issue for issue in self.issues if issue.set_aside), None)
        if left == 0 and first is not None:
            raise TooManyIssuesError(
                f"None of the {what} can be used, such as {first.item}: "
                f"{first.detail.rstrip('.')}. Mend them, or choose another source."
            )

    def check_labels(self, usable: int, max_share: float, option: str) -> None:
        """Refuse to go on when too many labels were lost, even if no scene was set aside.

        Args:
            usable: Number of labels that can be used.
            max_share: Largest share of all labels that may be lost, in [0, 1].
            option: Key of the limit in the configuration.

        Raises:
            TooManyIssuesError: If the share is exceeded; it names those that lose most.
        """
        lost = self.labels_lost()
        if lost <= (usable + lost) * max_share:
            return
        first = [issue for issue in sorted(self.issues, key=_most_lost) if issue.lost][:_EXAMPLES]
        examples = "; ".join(f"{issue.item}: {issue.detail.rstrip('.')}" for issue in first)
        raise TooManyIssuesError(
            f"{lost} of {usable + lost} labels are lost, more than the limit of "
            f"{max_share:.0%}: {examples}. {_remedy(lost / (usable + lost), option)}"
        )

    @classmethod
    def merge(cls, reports: Iterable[Self]) -> Self:
        """One report of several, in order of the items: the same however the work was shared."""
        together = (issue for report in reports for issue in report.issues)
        return cls(sorted(together, key=lambda issue: (issue.item, issue.kind, issue.detail)))

    def to_rows(self) -> list[dict[str, object]]:
        """The issues as plain dictionaries, for JSON and tables."""
        return [asdict(issue) for issue in self.issues]


def _remedy(share: float, option: str) -> str:
    enough = math.ceil(share * 100) / 100
    return f"Mend them, or raise the limit: --set {option}={enough:g}"


def _most_lost(issue: Issue) -> int:
    return -issue.lost
