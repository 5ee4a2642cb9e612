import threading

threading.Event().wait()


def init():
    pass


def run(data):
    return data
