"""Writes answers.json: what azureml-inference-server-http answers to the table in
tests/feature/test_scoring_reference.py.

    python -m venv reference && reference/bin/pip install azureml-inference-server-http \
        'inference-schema[numpy-support,pandas-support]'
    .venv/bin/python -m tests.scripts.reference.record reference/bin/azmlinfsrv
"""

import json
import subprocess
import sys
import tempfile
import time

import httpx

from tests.feature.test_scoring_reference import ANSWERS, SCRIPTS, TABLE, Script, ask, build_environ
from tests.harness.ports import free_port


def record(server: str, script: Script) -> dict[str, object]:
    port = free_port()
    path = SCRIPTS / script.folder / script.name
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "wb") as log:
        process = subprocess.Popen(
            [server, "--entry_script", str(path), "--port", str(port)],
            env=build_environ(script),
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers={"accept": "*/*"}) as client:
                for _ in range(300):
                    try:
                        client.get("/")
                        break
                    except httpx.TransportError:
                        time.sleep(0.1)
                return {case.name: ask(client, case) for case in script.cases}
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    answers = {script.title: record(sys.argv[1], script) for script in TABLE}
    ANSWERS.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
