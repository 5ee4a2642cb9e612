"""Returns what its input names."""

import collections
import datetime
import json


def init():
    pass


def run(data):
    what = json.loads(data)["what"] if data else "none"
    return {
        "none": None,
        "text": "plain",
        "number": 1.5,
        "huge": 2**70,
        "list": [1, "two", None, True],
        "tuple": (1, 2),
        "object": {"a": {"b": [1, 2]}},
        "keys": {1: "one", None: "none"},
        "ordered": collections.OrderedDict(z=1, a=2),
        "unicode": "äöü €",
        "empty": "",
        "zero": 0,
        "false": False,
        "set": {1},
        "bytes": b"raw",
        "datetime": datetime.datetime(2026, 1, 1),
        "object()": object(),
        "pair": ({"error": "no"}, 400),
    }[what]
