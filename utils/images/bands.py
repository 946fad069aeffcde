"""The choice of the bands that are read as red, green and blue."""

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
                f"has {len(colours)} band{'' if len(colours) == 1 else 's'}, and pixels.bands "
                f"asks for {list(wanted)}. "
                "Correct pixels.bands in the configuration."
            )
        return tuple(wanted)
    words = [(name or "").strip().lower() for name in names]
    for meanings in (words, list(colours)):  # GDAL calls the first three so if nobody does
        if all(colour in meanings for colour in _COLOURS):
            return tuple(meanings.index(colour) + 1 for colour in _COLOURS)
    data = [number for number, colour in enumerate(colours, start=1) if colour != _ALPHA]
    return tuple(data[:3]) if len(data) > 2 else tuple(data[:1] or [1])


def bands_note(
    bands: Sequence[int], colours: Sequence[str], names: Sequence[str | None] = ()
) -> str | None:
    """The sentence that names the bands to read, for a file that has more.

    Args:
        bands: The bands that are read, counted from 1.
        colours: As for `chosen_bands`.
        names: As for `chosen_bands`.
    """
    others = len(colours) - colours.count(_ALPHA) - len(bands)
    if others < 1 and list(bands) == sorted(bands):
        return None
    words = [name or colour for name, colour in zip(names or colours, colours, strict=True)]
    read = ", ".join(f"{number} ({words[number - 1]})" for number in bands)
    what = "are read as red, green and blue" if len(bands) > 1 else "is read as grey"
    return f"of its {len(colours)} bands, {read} {what}. Choose others by pixels.bands"
