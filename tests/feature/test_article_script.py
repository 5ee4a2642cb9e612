"""The shell script of the article "Safe rollout for online endpoints", as it is written, with `az` being `teal`."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine, running_teal, with_az
from tests.harness.samples import write_samples
from tests.harness.waiting import wait_until_sync

SCRIPT = Path(__file__).parent / "article" / "deploy-safe-rollout-online-endpoints.sh"

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="the script wants bash and curl"
)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    write_samples(tmp_path)
    with running_teal(tmp_path) as line:
        yield with_az(line)


def test_every_command_of_the_article_runs_as_written(line: CommandLine) -> None:
    done = line.run("bash", str(SCRIPT))
    assert done.status == 0, done.err

    splits = re.findall(r'"traffic": \{\s*([^}]*?)\s*\}', done.out)
    assert [re.sub(r"\s+", " ", split) for split in splits if "green" in split][-2:] == [
        '"blue": 90, "green": 10',
        '"blue": 0, "green": 100',
    ]
    assert '\n{\n  "blue": 100,\n  "green": 0\n}\n' in done.out
    assert '\n"[6,15]"\n' in done.out, "blue answers by traffic"
    assert '\n"[12,30]"\n' in done.out, "green answers by name"
    assert "\n[12,30]" in done.out, "green answers curl, by its header"
    assert '"instance_count": 2' in done.out
    assert not re.search(r"^ERROR", done.err, re.MULTILINE)
    wait_until_sync(lambda: line.must("online-endpoint", "list").json == [], within_s=60)
