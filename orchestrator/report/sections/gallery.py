"""Section of galleries: images and their Grad-CAM maps by experiment, marked where maps are no evidence."""

from collections.abc import Iterator

from orchestrator.analysis.attention import MapNumbers
from orchestrator.report.explained import ExplainedImages
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Details,
    Group,
    Heading,
    Items,
    Section,
    Span,
    Table,
    Text,
    Thumbnails,
    link,
    note,
    prose,
)
from orchestrator.report.sections.attention import maps_grid
from orchestrator.store.explanation_files import OUTCOMES
from orchestrator.wording.attention_text import OUTCOME_NAMES, images_sentence, matters_sentence
from orchestrator.wording.numbers import number

# What all galleries of a page may take of it, in bytes as they are written.
BUDGET_BYTES = 1_600_000
MOST_PROBLEMS = 12
COLUMNS = (
    "Deletion: area below the curve of the explained class’s score while the pixels that the map calls "
    "most important are imputed from their neighbours (ROAD, Rong et al. 2022), lower is better; random "
    "maps: the same for maps drawn at random. Similarity: rank correlation with the map of the same "
    "network with random weights (Adebayo et al. 2018), near 1 where the map shows the image and not what "
    "was learned. Intervals: 95 %, over groups of images; there is none over fewer than three, or where it "
    "would hold all of the scale."
)


def gallery_section(material: Material) -> Section | None:
    """Show the galleries; None where nothing was explained."""
    explained = material.explained
    if explained is None:
        return None
    problems = explained.found.record.problems
    told: list[Text] = [
        (
            f"{each.experiment}{'' if each.fold is None else f', fold {each.fold}'} is not explained: "
            f"{each.reason}",
        )
        for each in problems[:MOST_PROBLEMS]
    ]
    if len(problems) > MOST_PROBLEMS:
        told.append((f"{len(problems) - MOST_PROBLEMS} more are not explained.",))
    names = explained.shown(material.bounds.curves.names)
    galleries = [_gallery(explained, name, BUDGET_BYTES / len(names)) for name in names]
    others = len(explained.found.experiments) - len(names)
    return Section.of(
        "gallery",
        "Grad-CAM galleries",
        [
            prose(images_sentence(explained.found)),
            Items(tuple(told)) if told else None,
            *galleries,
            note(
                f"The galleries of {len(names)} experiments; files of {others} more are named in ",
                link("tables/explained_images.csv"),
                ", below the folder explanations of the results.",
            )
            if others
            else None,
            note(COLUMNS),
        ],
        name="Gallery",
    )


def _gallery(explained: ExplainedImages, name: str, budget: float) -> Details:
    overall = explained.attention.overall(name)
    blocks: list[Block] = [
        prose(matters_sentence(overall), tone="" if overall.is_shown_to_matter else "marked"),
        Table(maps_grid(explained.attention, name), style="wide"),
        *_outcomes(explained, name, budget),
    ]
    return Details(_summary(overall, explained, name), tuple(blocks))


def _summary(overall: MapNumbers, explained: ExplainedImages, name: str) -> Text:
    outcomes = explained.rows(name)["outcome"]
    right = int(outcomes.str.startswith("true").sum())
    marked = "" if overall.is_shown_to_matter else ": maps not shown to matter more than random ones"
    return (Span(name, "name"), f" · {len(outcomes)} images, {right} right{marked}")


def _outcomes(explained: ExplainedImages, name: str, budget: float) -> Iterator[Block]:
    """The images of each outcome as pairs, as many as the page has room for."""
    rows, spent, left = explained.rows(name), 0, 0
    for outcome in OUTCOMES:
        pairs = []
        for _, row in rows[rows["outcome"] == outcome].iterrows():
            pictures = explained.pair(row)
            size = sum(len(each.uri) for each in pictures)
            if not pictures or spent + size > budget:
                left += 1
                continue
            spent += size
            said = f"{row['source']} · P(fake) {number(row['score'])}"
            pairs.append(Group("pair", (Thumbnails(pictures), prose(said))))
        if pairs:
            yield Heading(OUTCOME_NAMES[outcome].capitalize())
            yield Group("pairs", tuple(pairs))
    if left:
        yield note(f"{left} more images are in the folder of the explanations.")
