"""What azure.ai.ml offers and Teal does not yet: refused with one sentence each. Used by the operations."""

from teal.sdk.errors import ValidationError


def refuse_local(local: bool | None) -> None:
    """`local=True` means Docker on the caller's machine; Teal's server is already there."""
    if local:
        raise ValidationError(
            "local=True is not offered yet.",
            hint="A Teal server on this machine (`teal up`) does the same without Docker.",
        )


def refuse(option: str, given: object) -> None:
    """An option that must be left alone."""
    if given:
        raise ValidationError(f"{option} is not offered yet.")
