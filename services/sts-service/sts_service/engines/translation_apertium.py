"""Translation from English to Spanish with Apertium, as one persistent pipeline of processes."""

import os
import re
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO, ClassVar

from sts_service.engines.base import EngineError, EngineLoadError, EngineOptions, Translator

MODES = Path("/usr/share/apertium/modes")
_LANGUAGES = {"eng": "en", "spa": "es"}
_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
_RESERVED = re.compile(r"([\\\[\]{}^$/@<>])")
_ESCAPED = re.compile(r"\\(.)")
# Ends the sentence for the tagger, without a full stop in the text that is spoken.
_SENTENCE_END = ".[][\n]"
_COMPOUND_NUMBER = re.compile(
    r"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety) "
    r"(one|two|three|four|five|six|seven|eight|nine)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\bi\b")


def spelled(text: str) -> str:
    """Write what a recogniser heard as the dictionary has it: ``twenty-one``, and ``I``."""
    return _FIRST_PERSON.sub("I", hyphenated(text))


def hyphenated(text: str) -> str:
    """Write compound numbers as the dictionary has them: ``twenty one`` as ``twenty-one``."""
    return _COMPOUND_NUMBER.sub(r"\1-\2", text)


def stages(mode_file: Path) -> list[list[str]]:
    """Return the programs of an Apertium mode, each set to flush at a null byte (``-z``)."""
    pipeline = mode_file.read_text(encoding="utf-8").strip().splitlines()[-1]
    commands = []
    for stage in pipeline.split("|"):
        # $1 is how lt-proc generates (-n: unknown words unmarked), $2 a tagger option.
        program, *arguments = shlex.split(stage.replace("$1", "-n").replace("$2", ""))
        commands.append([program, "-z", *arguments])
    return commands


def translated_by(mode: str) -> tuple[str, str]:
    """Return the languages in a mode's name, as codes of two letters.

    Raises ``EngineLoadError`` for languages that this engine has never been tried with.
    """
    languages = [code.partition("_")[0] for code in mode.split("-")]
    try:
        source, target = (_LANGUAGES[code] for code in languages)
    except (KeyError, ValueError):
        known = " and ".join(_LANGUAGES)
        message = f"Apertium's mode {mode} is not between {known}; remedy: TRANSLATION_MODEL"
        raise EngineLoadError(f"{message}=eng-spa") from None
    return source, target


class Engine(Translator):
    """A chain of programs that stays up between texts: about a millisecond for a sentence."""

    name: ClassVar[str] = "apertium"

    def __init__(self, options: EngineOptions) -> None:
        self.model = options.model or "eng-spa"
        self.pairs = frozenset({translated_by(self.model)})
        mode_file = MODES / f"{self.model}.mode"
        if not mode_file.is_file():
            raise EngineLoadError(f"Apertium's mode {self.model} is not installed")
        self._stages = stages(mode_file)
        for program, *_ in self._stages:
            if shutil.which(program) is None:
                raise EngineLoadError(f"Apertium's program {program} is not installed")
        self._chain: list[subprocess.Popen[bytes]] = []
        try:
            # The dictionaries are read at the first text: not while somebody waits for it.
            self.translate("hello", "en", "es")
        except EngineError as error:
            raise EngineLoadError(str(error)) from error

    def _translate(self, text: str, source: str, target: str) -> str:  # noqa: ARG002 - one pair
        if not self._chain:
            self._start()
        try:
            answer = self._exchange(_RESERVED.sub(r"\\\1", spelled(text)))
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            message = f"apertium did not answer: {error or type(error).__name__}"
            raise EngineError(message, retryable=True) from error
        return " ".join(_ESCAPED.sub(r"\1", answer.replace(_SENTENCE_END, "")).split())

    def _start(self) -> None:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        source: int | IO[bytes] | None = subprocess.PIPE
        for command in self._stages:
            process = subprocess.Popen(
                command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=environment,
            )
            # Only the next program may hold the pipe, so that the end of one ends them all.
            if self._chain:
                _closed(self._chain[-1].stdout)
            self._chain.append(process)
            source = process.stdout
        if (entry := self._chain[0].stdin) is not None:
            os.set_blocking(entry.fileno(), False)

    def _exchange(self, text: str) -> str:
        entry, exit_ = self._chain[0].stdin, self._chain[-1].stdout
        if entry is None or exit_ is None:
            raise EOFError("the pipeline has no ends")
        unsaid = (text + _SENTENCE_END).encode() + b"\0"
        deadline = time.monotonic() + _TIMEOUT_S
        answer = b""
        while not answer.endswith(b"\0"):
            remaining_s = deadline - time.monotonic()
            # What is longer than the pipes hold goes in only while what comes out is read.
            entries = [entry] if unsaid else []
            readable, writable, _ = select.select([exit_], entries, [], max(0.0, remaining_s))
            if remaining_s <= 0 or not (readable or writable):
                raise TimeoutError(f"nothing within {_TIMEOUT_S:g} s")
            if writable:
                unsaid = unsaid[os.write(entry.fileno(), unsaid) :]
            if readable:
                chunk = os.read(exit_.fileno(), 65_536)
                if not chunk:
                    raise EOFError("the pipeline ended")
                answer += chunk
        # The programs behind a dead one flush an empty answer before they end themselves.
        if any(process.poll() is not None for process in self._chain):
            raise EOFError("one of its programs ended")
        return answer[:-1].decode(errors="replace")

    def close(self) -> None:
        """End the chain; the next translation starts a new one."""
        chain, self._chain = self._chain, []
        if not chain:
            return
        _closed(chain[0].stdin)
        _closed(chain[-1].stdout)
        for process in chain:
            try:
                process.wait(_CLOSE_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _closed(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()
