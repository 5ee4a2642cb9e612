"""Wrong in one way: run() takes nothing but the headers."""


def init():
    pass


def run(request_headers):
    return request_headers
