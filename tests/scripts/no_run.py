"""Wrong in one way: no run()."""


def init():
    pass
