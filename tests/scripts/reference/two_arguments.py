def init():
    pass


def run(data, color="red"):
    return [data, color]
