"""run(data) without request_headers."""


def init():
    pass


def run(data):
    return {"got": data}
