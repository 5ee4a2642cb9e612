"""Blob storage over REST: what goes in comes out, whole or in parts, and only for who may (spec/wire.md §5)."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from tests.harness.rest import WORKSPACE, RestServer

MIB = 1024 * 1024
ACCOUNT = "/azblob/acct.blob.core.windows.net"
CONTAINER = f"{ACCOUNT}/azureml"
BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(3 * MIB)])
async def test_a_blob_comes_back_as_it_went_in(rest: RestServer, content: bytes) -> None:
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    put = await rest.client.put(f"{CONTAINER}/a/b.bin", content=content, headers={**BLOCK_BLOB, "Content-MD5": md5})
    assert put.status_code == 201
    assert put.headers["Content-MD5"] == md5
    head = await rest.client.head(f"{CONTAINER}/a/b.bin")
    assert head.headers["Content-Length"] == str(len(content))
    assert head.headers["x-ms-blob-type"] == "BlockBlob"
    assert head.headers["ETag"] == put.headers["ETag"]
    assert head.headers["Last-Modified"]
    got = await rest.client.get(f"{CONTAINER}/a/b.bin")
    assert got.content == content


async def test_an_empty_blob_has_no_range(rest: RestServer) -> None:
    await rest.client.put(f"{CONTAINER}/empty", content=b"", headers=BLOCK_BLOB)
    answer = await rest.client.get(f"{CONTAINER}/empty", headers={"x-ms-range": "bytes=0-33554431"})
    assert answer.status_code == 416
    assert answer.headers["x-ms-error-code"] == "InvalidRange"
    assert (await rest.client.get(f"{CONTAINER}/empty")).content == b""


async def test_both_forms_of_the_address_are_one_store(rest: RestServer) -> None:
    await rest.client.put(f"{CONTAINER}/a", content=b"one", headers=BLOCK_BLOB)
    assert (await rest.client.get("/azblob/azureml/a")).content == b"one"


async def test_parts_are_read_by_range(rest: RestServer) -> None:
    await rest.client.put(f"{CONTAINER}/a", content=b"0123456789", headers=BLOCK_BLOB)
    for wanted, content in (("bytes=0-3", b"0123"), ("bytes=8-99", b"89"), ("bytes=5-", b"56789")):
        answer = await rest.client.get(f"{CONTAINER}/a", headers={"x-ms-range": wanted})
        assert answer.status_code == 206
        assert answer.content == content
        assert answer.headers["Content-Range"].endswith("/10")
    for wrong in ("bytes=10-11", "bytes=3-2", "chapters=1-2", "bytes=-3"):
        assert (await rest.client.get(f"{CONTAINER}/a", headers={"range": wrong})).status_code == 416
    stale = await rest.client.get(f"{CONTAINER}/a", headers={"range": "bytes=0-1", "If-Match": '"0x0"'})
    assert stale.status_code == 412


async def test_a_large_file_is_put_together_from_blocks(rest: RestServer) -> None:
    blocks = [os.urandom(4 * MIB) for _ in range(17)] + [os.urandom(2 * MIB)]
    ids = [base64.b64encode(f"{n:016d}".encode()).decode() for n in range(len(blocks))]
    for id, block in zip(ids, blocks, strict=True):
        answer = await rest.client.put(f"{CONTAINER}/big?comp=block&blockid={quote(id, safe='')}", content=block)
        assert answer.status_code == 201
    listed = "".join(f"<Latest>{id}</Latest>" for id in ids)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
    done = await rest.client.put(f"{CONTAINER}/big?comp=blocklist", content=body, headers={"If-None-Match": "*"})
    assert done.status_code == 201
    assert "Content-MD5" not in done.headers  # clients would compare it with the list's own
    again = await rest.client.put(f"{CONTAINER}/big?comp=blocklist", content=body, headers={"If-None-Match": "*"})
    assert again.headers["x-ms-error-code"] == "BlobAlreadyExists"
    digest = hashlib.sha256()
    async with rest.client.stream("GET", f"{CONTAINER}/big") as answer:
        assert answer.headers["Content-Length"] == str(70 * MIB)
        async for chunk in answer.aiter_bytes():
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(b"".join(blocks)).digest()


@pytest.mark.parametrize(
    "body", ["<BlockList><Latest>bm90aGluZw==</Latest></BlockList>", "nonsense", "<!DOCTYPE x><a/>"]
)
async def test_a_block_list_that_cannot_be_is_refused(rest: RestServer, body: str) -> None:
    answer = await rest.client.put(f"{CONTAINER}/a?comp=blocklist", content=body)
    assert answer.status_code == 400
    assert (await rest.client.head(f"{CONTAINER}/a")).status_code == 404


async def test_metadata_tells_a_finished_upload(rest: RestServer) -> None:
    await rest.client.put(f"{CONTAINER}/a", content=b"1", headers=BLOCK_BLOB)
    marks = {"x-ms-meta-upload_status": "completed", "x-ms-meta-name": "m"}
    assert (await rest.client.put(f"{CONTAINER}/a?comp=metadata", headers=marks)).status_code == 200
    head = await rest.client.head(f"{CONTAINER}/a")
    assert head.headers["x-ms-meta-upload_status"] == "completed"
    await rest.client.put(f"{CONTAINER}/a", content=b"2", headers=BLOCK_BLOB)
    assert "x-ms-meta-upload_status" not in (await rest.client.head(f"{CONTAINER}/a")).headers
    assert (await rest.client.put(f"{CONTAINER}/none?comp=metadata", headers=marks)).status_code == 404


async def test_an_upload_that_must_be_new_replaces_nothing(rest: RestServer) -> None:
    once = {**BLOCK_BLOB, "If-None-Match": "*"}
    assert (await rest.client.put(f"{CONTAINER}/a", content=b"1", headers=once)).status_code == 201
    again = await rest.client.put(f"{CONTAINER}/a", content=b"2" * 3 * MIB, headers=once)
    assert again.status_code == 409
    assert again.headers["x-ms-error-code"] == "BlobAlreadyExists"
    assert (await rest.client.get(f"{CONTAINER}/a")).content == b"1"


async def test_bytes_that_were_changed_on_the_way_are_refused(rest: RestServer) -> None:
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    answer = await rest.client.put(f"{CONTAINER}/a", content=b"one", headers={**BLOCK_BLOB, "Content-MD5": md5})
    assert answer.status_code == 400
    assert answer.headers["x-ms-error-code"] == "Md5Mismatch"
    assert (await rest.client.head(f"{CONTAINER}/a")).status_code == 404


async def test_an_upload_that_breaks_off_leaves_nothing(rest: RestServer) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        raise OSError("the cable was pulled")

    with pytest.raises(OSError, match="cable"):
        await rest.client.put(f"{CONTAINER}/a", content=broken(), headers=BLOCK_BLOB)
    assert (await rest.client.head(f"{CONTAINER}/a")).status_code == 404


@pytest.mark.parametrize(
    "path", ["UPPER/a", "azureml/a//b", "azureml/..%2Fb", "azureml", "a--b/c", "azureml/a%01", "azureml/%EF%BF%BF"]
)
async def test_odd_addresses_are_refused(rest: RestServer, path: str) -> None:
    answer = await rest.client.put(f"{ACCOUNT}/{path}", content=b"1", headers=BLOCK_BLOB)
    assert answer.status_code == 400, answer.text
    assert ElementTree.fromstring(answer.content).findtext("Code")


async def test_what_is_not_a_block_blob_or_not_known_is_refused(rest: RestServer) -> None:
    assert (
        await rest.client.put(f"{CONTAINER}/a", content=b"", headers={"x-ms-blob-type": "PageBlob"})
    ).status_code == 400
    assert (await rest.client.put(f"{CONTAINER}/a?comp=lease")).status_code == 400
    assert (await rest.client.put(f"{CONTAINER}/a?comp=block", content=b"1")).status_code == 400
    assert (await rest.client.get(CONTAINER)).status_code == 400


async def test_a_blob_that_is_not_there_is_not_found(rest: RestServer) -> None:
    head = await rest.client.head(f"{CONTAINER}/none")
    assert head.status_code == 404
    assert head.headers["x-ms-error-code"] == "BlobNotFound"
    assert (
        ElementTree.fromstring((await rest.client.get(f"{CONTAINER}/none")).content).findtext("Code") == "BlobNotFound"
    )


async def test_a_container_is_listed_with_folders_metadata_and_pages(rest: RestServer) -> None:
    for name in ("d/1", "d/2", "d/sub/3", "e & <f>"):
        headers = {**BLOCK_BLOB, "x-ms-meta-k": "v"}
        assert (await rest.client.put(f"{CONTAINER}/{quote(name)}", content=b"1", headers=headers)).status_code == 201
    names, prefixes, marker, root = await list_blobs(rest, "")
    assert names == ["d/1", "d/2", "d/sub/3", "e & <f>"]
    assert root.findtext("Blobs/Blob/Properties/Content-Length") == "1"
    assert root.findtext("Blobs/Blob/Metadata/k") is None
    names, prefixes, marker, root = await list_blobs(rest, "&prefix=d/&delimiter=/&include=metadata")
    assert (names, prefixes) == (["d/1", "d/2"], ["d/sub/"])
    assert root.findtext("Blobs/Blob/Metadata/k") == "v"
    names, prefixes, marker, _ = await list_blobs(rest, "&maxresults=3")
    assert (names, marker) == (["d/1", "d/2", "d/sub/3"], "d/sub/3")
    names, prefixes, marker, _ = await list_blobs(rest, f"&maxresults=3&marker={marker}")
    assert (names, marker) == (["e & <f>"], "")
    assert (await rest.client.get(f"{CONTAINER}?restype=container&comp=list&maxresults=0")).status_code == 400


async def test_a_signed_address_opens_its_container_until_it_expires(rest: RestServer) -> None:
    secret = await rest.client.post(
        f"{WORKSPACE}/datastores/workspaceblobstore/listSecrets", json={"expirableSecret": True, "expireAfterHours": 1}
    )
    sas = secret.json()["sasToken"]
    put = await rest.stranger.put(f"{CONTAINER}/a?{sas}", content=b"1", headers=BLOCK_BLOB)
    assert put.status_code == 201
    assert (await rest.stranger.get(f"{CONTAINER}/a?{sas}")).content == b"1"
    assert (await rest.stranger.get(f"{CONTAINER}?restype=container&comp=list&{sas}")).status_code == 200
    other = await rest.stranger.get(f"{ACCOUNT}/code-1/a?{sas}")
    assert other.status_code == 403
    rest.now += 3601
    late = await rest.stranger.get(f"{CONTAINER}/a?{sas}")
    assert late.status_code == 403
    assert late.headers["x-ms-error-code"] == "AuthenticationFailed"
    assert "was good until" in late.text


async def test_a_signed_address_opens_nothing_when_one_of_its_words_was_changed(rest: RestServer) -> None:
    from teal.api.signatures import sign

    secret = rest.app.state.services.signing_secret
    sas = sign(secret, "azureml", permissions="r", expires_at=rest.now + 60)
    await rest.client.put(f"{CONTAINER}/a", content=b"1", headers=BLOCK_BLOB)
    assert (await rest.stranger.get(f"{CONTAINER}/a?{sas}")).status_code == 200
    write = await rest.stranger.put(f"{CONTAINER}/b?{sas}", content=b"1", headers=BLOCK_BLOB)
    assert write.status_code == 403
    assert write.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
    for changed in (
        sas.replace("sp=r", "sp=racwl"),
        sas.replace("se=20", "se=21"),
        sas[:-4] + "AAAA",
        "sig=",
        "sig=%FF&se=never&sp=r",
    ):
        assert (await rest.stranger.get(f"{CONTAINER}/a?{changed}")).status_code == 403, changed


async def test_a_signature_opens_blobs_only(rest: RestServer) -> None:
    from teal.api.signatures import sign

    sas = sign(rest.app.state.services.signing_secret, "azureml", permissions="racwl", expires_at=rest.now + 60)
    assert (await rest.stranger.get(f"{WORKSPACE}?{sas}")).status_code == 401


# --- private


async def list_blobs(
    rest: RestServer, more: str
) -> tuple[list[str | None], list[str | None], str, ElementTree.Element]:
    answer = await rest.client.get(f"{CONTAINER}?restype=container&comp=list{more}")
    assert answer.status_code == 200
    root = ElementTree.fromstring(answer.content)
    names = [item.text for item in root.findall("Blobs/Blob/Name")]
    prefixes = [item.text for item in root.findall("Blobs/BlobPrefix/Name")]
    return names, prefixes, root.findtext("NextMarker") or "", root
