"""Wrong in one way: run() takes *args."""


def init():
    pass


def run(*data):
    return data
