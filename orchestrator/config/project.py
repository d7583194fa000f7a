"""The project file orchestrator.toml: folders that commands take where none is named on the command line.

    experiments = "experiments"
    results = "results"
    data = "~/faces"

Every key may be left out. Paths are relative to the file; results and data may be addresses (s3://...).
"""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from orchestrator.config.json_text import MOST_BYTES, refuse_what_nobody_means
from orchestrator.config.library import PROJECT
from orchestrator.config.validation_errors import meant, problem_line
from orchestrator.store.remote.address import is_address
from trainables.errors import InputError, Problems
from trainables.files import read_text
from trainables.recipe_part import Frozen


class Project(Frozen):
    """Folders of a project; None = not named in its file."""

    data: str | None = None
    results: str | None = None
    experiments: str | None = None


def read_project(path: Path) -> dict[str, Path]:
    """Read a project file, or that of a folder; return the folders it names by the option that each replaces.

    Raises:
        InputError: the file can't be read, is no TOML, or has a wrong key or value.
    """
    file = path / PROJECT if path.is_dir() else path
    try:
        values = tomllib.loads(read_text(file, most_bytes=MOST_BYTES))
        refuse_what_nobody_means(values)
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}); name another with --project") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not valid TOML ({error}); mend or remove it") from error
    try:
        project = Project.model_validate(values)
    except ValidationError as error:
        lines = [
            problem_line(problem, {}, str(file), model=Project) for problem in meant(error.errors(), values)
        ]
        raise Problems(lines) from error
    return {
        option: Path(folder) if is_address(folder) else file.parent / Path(folder).expanduser()
        for option, folder in project.model_dump(exclude_none=True).items()
    }
