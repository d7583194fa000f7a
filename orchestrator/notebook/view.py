"""Parts of a page as the output of a notebook's cell: a section of the report looks there as it does here."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.section import Block, Section, Thumbnail, Thumbnails, prose


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """Blocks under a title. A notebook shows it where it is the last line of a cell, or by `display`."""

    title: str
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, section: Section | None, *, otherwise: str = "") -> "View":
        """Show a section; where there is none, the sentence that says why."""
        return cls.saying(otherwise) if section is None else cls(section.title, section.blocks)

    @classmethod
    def saying(cls, *sentences: str, title: str = "") -> "View":
        """Show sentences, a paragraph each."""
        return cls(title, tuple(prose(sentence) for sentence in sentences))

    def _repr_html_(self) -> str:
        from orchestrator.report.rendering import render_part

        return render_part(self.title, self.blocks, styles=("style.css", "data.css"))

    def __repr__(self) -> str:
        return f"View({self.title!r}, {len(self.blocks)} blocks)"


def sheet(pictures: Sequence[bytes], names: Sequence[str], *, side_px: int) -> Thumbnails:
    """Lay JPEG files beside each other, each with its name below."""
    return Thumbnails(
        tuple(
            Thumbnail.of(picture, "jpeg", alt=name, name=name, side_px=side_px)
            for picture, name in zip(pictures, names, strict=True)
        )
    )
