"""Wrong in one way: init() opens a model that is not there."""

import os


def init():
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"), "rb"):
        pass


def run(data):
    return data
