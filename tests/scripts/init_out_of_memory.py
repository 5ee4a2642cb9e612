def init():
    bytearray(1 << 62)


def run(data):
    return data
