"""A stranger's words, made fit to be repeated in logs and answers."""

from services.contracts import MAX_ID_CHARACTERS


def clipped(text: str, characters: int = MAX_ID_CHARACTERS) -> str:
    """Return the text, cut to this length, with what UTF-8 cannot carry replaced."""
    short = text if len(text) <= characters else text[: characters - 1] + "…"
    return short.encode("utf-8", "replace").decode("utf-8")
