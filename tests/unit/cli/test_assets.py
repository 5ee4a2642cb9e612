from pathlib import Path

from tests.harness.arm import Arm
from tests.unit.cli.conftest import Teal


def test_a_model_is_registered_from_flags(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"weights")
    made = teal("ml", "model", "create", "--name", "m", "--version", "1", "-p", "m.pkl", "--tags", "a=b c", "d=e").json
    assert (made["name"], made["version"], made["type"]) == ("m", "1", "custom_model")
    assert made["tags"] == {"a": "b c", "d": "e"}
    assert list(arm.blobs.values()) == [b"weights"]
    assert teal("model", "show", "-n", "m", "--label", "latest").json["version"] == "1"
    assert [each["version"] for each in teal("model", "list", "-n", "m").json] == ["1"]


def test_a_model_is_registered_from_a_file_beside_it(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "m.pkl").write_bytes(b"weights")
    (tmp_path / "sub" / "model.yml").write_text("name: m\npath: m.pkl\n")
    assert teal("model", "create", "-f", "sub/model.yml", "--version", "4").json["version"] == "4"


def test_an_environment_is_registered_from_flags(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("dependencies: [python]\n")
    made = teal("environment", "create", "-n", "py", "--version", "1", "-i", "python:3.11", "-c", "c.yaml").json
    assert made["conda_file"] == {"dependencies": ["python"]}
    assert teal("environment", "show", "--name", "py", "--version", "1").json["image"] == "python:3.11"


def test_what_is_missing_is_named(arm: Arm, teal: Teal) -> None:
    said = teal("model", "create", "--name", "m")
    assert said.status == 1
    assert said.err == "ERROR: the command line: 'path' is missing\n"
    assert teal("model", "show", "-n", "none").status == 3
