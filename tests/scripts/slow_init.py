"""init() takes as long as the environment says."""

import os
import time


def init():
    time.sleep(float(os.environ.get("INIT_S", "60")))


def run(data):
    return data
