"""Wrong in one way: imports what is not installed."""

import no_such_package_of_teal  # noqa: F401


def init():
    pass


def run(data):
    return data
