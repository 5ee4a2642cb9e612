"""`make demo-mlflow`: two MLflow models from raw data to predictions and a rollout between them, without a script.

Exit status 0 only if every answer was the one that the model gave when it was trained.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from examples.demo.command import CommandFailed, Teal
from examples.demo.scratch import REPOSITORY, stop_processes
from examples.demo.training import train

EXAMPLE = Path(__file__).parent
LOCK = REPOSITORY / "requirements" / "heart.txt"
OVERRIDES = REPOSITORY / "requirements" / "heart-overrides.in"
ENDPOINT = "heart"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo-mlflow", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder with its logs and data")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="teal-heart-")).resolve()
    try:
        return asyncio.run(run_demo(folder))
    except KeyboardInterrupt:
        return 130
    finally:
        if arguments.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def run_demo(folder: Path) -> int:
    """Whatever ends the story, nothing is left running."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TEAL_", "AZURE"))}
    environment |= {"TEAL_DATA_DIR": str(folder / "data"), "TEAL_CONFIG_DIR": str(folder / "config")}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    teal = Teal(Path(sys.executable).parent / "teal", folder, environment)
    try:
        return await play(folder, teal)
    except (CommandFailed, ExceptionGroup) as error:
        for one in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
            print(one, file=sys.stderr)
        return 1
    finally:
        await asyncio.shield(stop_processes(folder))


async def play(folder: Path, teal: Teal) -> int:
    say("starting the server, and training two models meanwhile")
    example = folder / "heart"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("__pycache__", "models", "*.json"))
    async with asyncio.TaskGroup() as group:
        group.create_task(teal.text("up", "--detach", "--port", "0", "--gateway-port", "0"))
        trained = group.create_task(train(example, LOCK, "--no-deps", folder=folder, environment=teal.environment))
    print("".join(f"    {line}\n" for line in trained.result().splitlines()), end="", flush=True)
    # Both models ask for xgboost, whose package for graphics cards this demo does without.
    shutil.copyfile(OVERRIDES, folder / "data" / "model-overrides.txt")
    teal = Teal(teal.program, example, teal.environment)

    say("creating the endpoint")
    await teal.run("ml", "online-endpoint", "create", "--file", "endpoint.yml")
    say("creating blue, a logistic regression, with all traffic (builds the environment that the model names)")
    await teal.run("ml", "online-deployment", "create", "--file", "blue-deployment.yml", "--all-traffic")
    say("creating green, XGBoost")
    await teal.run("ml", "online-deployment", "create", "--file", "green-deployment.yml")

    expected = json.loads((example / "expected.json").read_text())
    problems = []
    for deployment, model in (("blue", "logistic"), ("green", "xgboost")):
        asked = ("--request-file", "sample-request.json", "--deployment-name", deployment)
        answer = json.loads(await invoke(teal, *asked))
        say(f"{deployment} says {answer} of three patients that it has not seen")
        problems += [] if answer == expected[model] else [f"{deployment}: {answer}, not {expected[model]}"]

    await teal.run("ml", "online-endpoint", "update", "--name", ENDPOINT, "--traffic", "blue=0 green=100")
    say("all traffic goes to green; the same URL takes MLflow's payloads and others:")
    problems += await try_payloads(teal, example, expected["xgboost"])
    say("deleting the endpoint")
    await teal.run("ml", "online-endpoint", "delete", "--name", ENDPOINT, "--yes")
    for problem in problems:
        print(f"wrong: {problem}", file=sys.stderr)
    print("every answer is the model's own" if not problems else "some answers are wrong", flush=True)
    return 1 if problems else 0


async def try_payloads(teal: Teal, example: Path, predictions: Sequence[int]) -> list[str]:
    """Each form once, and a request that does not fit the signature."""
    endpoint = await teal.run("ml", "online-endpoint", "show", "--name", ENDPOINT)
    keys = await teal.run("ml", "online-endpoint", "get-credentials", "--name", ENDPOINT)
    split = json.loads((example / "sample-request.json").read_text())["input_data"]
    records = [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
    named = {"predictions": list(predictions)}
    forms: list[tuple[str, Any, Any]] = [
        ("score", {"input_data": records}, list(predictions)),
        ("score", {"dataframe_split": split}, named),
        ("invocations", {"dataframe_records": records}, named),
        ("invocations", {"instances": records}, named),
    ]
    problems = []
    url = str(endpoint["scoring_uri"]).removesuffix("score")
    headers = {"Authorization": f"Bearer {keys['primaryKey']}"}
    async with httpx.AsyncClient(timeout=30, headers=headers) as client:
        for path, body, wanted in forms:
            answer = (await client.post(url + path, json=body)).json()
            print(f"    {path:<12} {next(iter(body)):<18} {answer}", flush=True)
            problems += [] if answer == wanted else [f"{path} {next(iter(body))}: {answer}"]
        odd = {"dataframe_records": [records[0] | {"age": "old"}]}
        refused = (await client.post(f"{url}invocations", json=odd)).json()
        print(f"    refused: {refused['message']}", flush=True)
        problems += [] if "Column 'age'" in refused["message"] else [f"not refused: {refused}"]
    return problems


# --- private


def say(words: str) -> None:
    print(f"· {words}", flush=True)


async def invoke(teal: Teal, *words: str) -> str:
    """What the deployment answered; the command prints it as a JSON string, as az does."""
    printed = await teal.run("ml", "online-endpoint", "invoke", "--name", ENDPOINT, *words)
    return printed if isinstance(printed, str) else json.dumps(printed)


if __name__ == "__main__":
    sys.exit(main())
