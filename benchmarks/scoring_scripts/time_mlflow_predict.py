"""Print the milliseconds of processor time that a model's own predict() takes for one row, at its quickest:
`time_mlflow_predict.py FOLDER`, where FOLDER.json is the row. No server can answer in less."""

import json
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd

CALLS, ROUNDS = 50, 40

folder = Path(sys.argv[1])
split = json.loads(Path(f"{folder}.json").read_text())
row = pd.DataFrame(split["data"], columns=split["columns"])
model = mlflow.sklearn.load_model(str(folder))
model.predict(row)
took = []
for _ in range(ROUNDS):
    started_at = time.thread_time()
    for _ in range(CALLS):
        model.predict(row)
    took.append((time.thread_time() - started_at) / CALLS)
print(min(took) * 1000)
