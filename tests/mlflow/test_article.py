"""The article's notebook as a test."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pandas as pd


@pytest.fixture
def notebook(folder: Path, saved_model: Path, frame: "pd.DataFrame") -> Path:
    """What lies beside the notebook."""
    shutil.copytree(saved_model, folder / "model")
    (folder / "data").mkdir()
    frame.assign(target=0).to_csv(folder / "data" / "heart.csv", index=False)
    return folder


def test_the_whole_notebook(notebook: Path) -> None:
    from tests.mlflow.article import run_article

    run_article("my-article", "heart-classifier")
