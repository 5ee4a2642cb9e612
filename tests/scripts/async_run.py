"""async run(), which does what the body says."""

import asyncio
import json
import time

LOOP = None
AT_ONCE = 0
MOST = 0


async def init():
    global LOOP
    LOOP = asyncio.get_running_loop()


async def run(data):
    asked = json.loads(data)
    return await globals()[asked.pop("do")](**asked)


async def same_loop():
    return asyncio.get_running_loop() is LOOP


async def wait(s):
    global AT_ONCE, MOST
    AT_ONCE += 1
    MOST = max(MOST, AT_ONCE)
    print("waiting")
    try:
        await asyncio.sleep(s)
    finally:
        AT_ONCE -= 1
    return {"most": MOST}


async def most():
    return MOST


async def block(s):
    print("blocking")
    time.sleep(s)


async def raises():
    raise LookupError("no")


async def response():
    from azureml_inference_server_http.api.aml_response import AMLResponse

    async def pieces():
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"

    return AMLResponse(pieces(), 200)
