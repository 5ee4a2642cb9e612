"""Saves a model that sums rows, then becomes the command given: `peer_mlflow.py MODEL_FOLDER COMMAND…`."""

import os
import sys

import mlflow


class SumRows(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [float(sum(row)) for row in model_input]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=SumRows())
    os.execv(sys.argv[2], sys.argv[2:])
