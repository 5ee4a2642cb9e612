"""A look at a scoring script before it is sent: is it there, does it parse (spec/azureml.md §1.14)."""

import ast
import os
from pathlib import Path

from teal.sdk.errors import ValidationError

_SKIP = "--skip-script-validation (skip_script_validation=True) sends it anyway."


def check_script(folder: Path, script: str | os.PathLike[str] | None) -> None:
    """Refuse a script that cannot work, where looking at its text is enough to know."""
    if script is None:
        raise ValidationError(
            f"code_configuration names the folder {folder} but no scoring_script.", hint="`scoring_script: score.py`."
        )
    path = folder / script
    try:
        written = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = ", ".join(sorted(each.name for each in folder.glob("*.py"))) or "no Python file"
        raise ValidationError(f"There is no {script} in {folder}; there is {there}.", hint=_SKIP) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"{path} cannot be read: {error}", hint=_SKIP) from error
    try:
        ast.parse(written, filename=str(path))
    except SyntaxError as error:
        raise ValidationError(f"{path}, line {error.lineno}: {error.msg}", hint=_SKIP) from error
