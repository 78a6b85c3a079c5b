"""A stranger's words, made fit to be repeated in logs and answers."""

VALUE_CHARACTERS = 200
"""What is repeated of one value, as long as the longest that the contract allows."""

MESSAGE_CHARACTERS = 500


def clipped(text: str, characters: int = VALUE_CHARACTERS) -> str:
    """Return the text, cut to this length, with what UTF-8 cannot carry replaced."""
    short = text if len(text) <= characters else text[: characters - 1] + "…"
    return short.encode("utf-8", "replace").decode("utf-8")
