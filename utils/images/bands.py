"""Which bands of an image are red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence

from utils.errors import ImageError

_COLOURS = ("red", "green", "blue")
_ALPHA = "alpha"


def chosen_bands(
    wanted: Sequence[int] | None, colours: Sequence[str], names: Sequence[str | None]
) -> tuple[int, ...]:
    """The bands to read, counted from 1: one for grey, or three for red, green and blue.

    Args:
        wanted: The bands that the options ask for, or None.
        colours: The meaning of each band by the file, such as "red", "grey" or "undefined".
        names: The name of each band by the file, or None.

    Raises:
        ImageError: If there is no such band; the message does not name the file.
    """
    if wanted is not None:
        if max(wanted) > len(colours):
            raise ImageError(
                f"has {len(colours)} bands, and pixels.bands asks for {list(wanted)}. "
                "Correct pixels.bands in the configuration."
            )
        return tuple(wanted)
    words = [(name or "").strip().lower() for name in names]
    for meanings in (list(colours), words):
        if all(colour in meanings for colour in _COLOURS):
            return tuple(meanings.index(colour) + 1 for colour in _COLOURS)
    data = [number for number, colour in enumerate(colours, start=1) if colour != _ALPHA]
    return tuple(data[:3]) if len(data) > 2 else tuple(data[:1] or [1])


def bands_note(bands: Sequence[int], colours: Sequence[str]) -> str | None:
    """The sentence that tells which bands are read, where that is not all there is to see."""
    others = len(colours) - colours.count(_ALPHA) - len(bands)
    if others < 1 and list(bands) == sorted(bands):
        return None
    names = ", ".join(f"{number} ({colours[number - 1]})" for number in bands)
    return (
        f"of its {len(colours)} bands, {names} are read as "
        f"{'red, green and blue' if len(bands) > 1 else 'grey'}. Choose others by pixels.bands"
    )
