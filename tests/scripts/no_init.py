"""Wrong in one way: no init()."""


def run(data):
    return data
