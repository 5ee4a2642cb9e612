"""One upload over TLS in a process of its own: `python -m benchmarks.rest.upload URL CA TOKEN FILE`; prints seconds."""

import http.client
import ssl
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

BLOCK_BYTES = 1024 * 1024


def main() -> int:
    url, ca, token, file = sys.argv[1:]
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, context=ssl.create_default_context(cafile=ca), blocksize=BLOCK_BYTES
    )
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Length": str(Path(file).stat().st_size),
        "x-ms-blob-type": "BlockBlob",
    }
    with open(file, "rb") as content:
        started_at = time.perf_counter()
        connection.request("PUT", parts.path, body=content, headers=headers)
        answer = connection.getresponse()
        answer.read()
        took_s = time.perf_counter() - started_at
    if answer.status != 201:
        print(f"the upload was answered with {answer.status}", file=sys.stderr)
        return 1
    print(f"{took_s:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
