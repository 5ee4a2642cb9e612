"""Python's search for garbage in cycles, which takes the longer the more there is; held back by run.py while a server
starts."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_search() -> Iterator[None]:
    """For what stays: it is searched neither meanwhile nor later.

    With 5,000 endpoints a search takes half a second in which nothing else happens; a third of a start was searches.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
