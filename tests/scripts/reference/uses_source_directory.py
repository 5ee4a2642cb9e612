import of_the_source_directory


def init():
    pass


def run(data):
    return of_the_source_directory.VALUE
