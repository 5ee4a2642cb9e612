import asyncio


def init():
    pass


async def run(data):
    try:
        for word in data.split():
            if word == "fail":
                raise ValueError(word)
            yield word + " "
            await asyncio.sleep(0.01)
    finally:
        print("closed")
