"""Which languages a Marian model translates, as ISO 639-1 codes."""

import re

from sts_service.engines.base import EngineLoadError

_PAIR_IN_NAME = re.compile(r"-([a-z]{2})-([a-z]{2})(?:@|$)")


def language_pair(name: str, said: tuple[str | None, str | None]) -> tuple[str, str]:
    """Return source and target: what the model's files say, or else what its name ends in.

    Only codes of two letters count: the hub's models say ``eng`` and ``spa``, and nobody asks
    for those. ``EngineLoadError`` where neither says it.
    """
    source, target = said
    if source and target and len(source) == len(target) == 2:
        return source, target
    named = _PAIR_IN_NAME.search(name)
    if named is None:
        raise EngineLoadError(
            f"the model {name} does not say which languages it translates; remedy: source_lang "
            "and target_lang in its tokenizer_config.json as codes of two letters, or a name that "
            "ends as in opus-mt-en-es"
        )
    return named[1], named[2]
