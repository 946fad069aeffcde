"""The result of one look at the notes: what is noted, how it differs, and what is alarming."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from utils.errors import DatasetError
from utils.files import write_whole
from utils.monitoring.alarms import Alarm
from utils.monitoring.journal import Dropped
from utils.monitoring.watched import Watched

FILE = "monitoring.json"
_MAKE_AGAIN = "Make it again with: python run.py --monitor"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """One look.

    Attributes:
        model: Name of the model.
        made: Time of the look, in seconds since 1970.
        versions: The notes by version, source and role, newest first.
        alarms: Alarms by the rules of the options.
        dropped: Counts of notes that are not there any more, or never were.
        damaged: Tables that cannot be read, with the reason.
        false_alarms: Share of looks that find drift where there is none.
        folder: Folder with the pictures; empty without any.
        keep: Command that has the service keep pictures.
        future: Number of notes that were left out, since their time is yet to come.
    """

    model: str
    made: float
    versions: tuple[Watched, ...]
    alarms: tuple[Alarm, ...]
    dropped: Dropped
    damaged: tuple[str, ...]
    false_alarms: float
    folder: Path
    keep: str = "python run.py --deploy --set deployment.keep=thumbnails"
    future: int = 0

    def save(self, folder: Path) -> None:
        """Write the result as JSON beside its pictures."""
        for picture in self.pictures:
            write_whole(folder / picture, (self.folder / picture).read_bytes())
        write_whole(folder / FILE, _ADAPTER.dump_json(self, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DatasetError: If it is something else.
        """
        try:
            found = _ADAPTER.validate_json((folder / FILE).read_bytes())
        except ValueError:
            raise DatasetError(f"The result in {folder} is damaged. {_MAKE_AGAIN}") from None
        return cls(**{name: getattr(found, name) for name in _NAMES} | {"folder": folder})

    @property
    def drifted(self) -> bool:
        """Whether any version drifted."""
        return any(version.drifted for version in self.versions)

    @property
    def losses(self) -> list[str]:
        """Sentences about notes and pictures that are missing, damaged or left out."""
        counts = {
            "Notes dropped, the oldest first, as all took too many bytes": self.dropped.notes,
            "Pictures dropped for the same reason": self.dropped.images,
            "Predictions that could not be noted, since the disk was full": self.dropped.unwritten,
            "Lines of the journals without a note, cut off by a kill or damaged": self.dropped.torn,
            "Notes left out, since their time is yet to come (a clock was wrong)": self.future,
        }
        counted = [f"{told}: {count:,}." for told, count in counts.items() if count]
        return [*counted, *self.damaged]

    @property
    def pictures(self) -> list[str]:
        """Names of its pictures."""
        return sorted({one.picture for version in self.versions for one in version.far_out} - {""})


_ADAPTER = TypeAdapter(Monitoring)
_NAMES = tuple(Monitoring.__dataclass_fields__)
