"""Spanish speech with the espeak-ng program."""

import shutil
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import ClassVar

from sts_service.audio import Mono, from_pcm, silence
from sts_service.engines.base import EngineError, EngineLoadError, EngineOptions, Synthesizer

WORDS_PER_MINUTE = 150
_TIMEOUT_S = 10.0


class Engine(Synthesizer):
    """One short-lived process for each text; the model is the name of an espeak-ng voice."""

    name: ClassVar[str] = "espeak"
    languages = frozenset({"es"})
    rate_hz = 22_050

    def __init__(self, options: EngineOptions) -> None:
        program = shutil.which("espeak-ng")
        if program is None:
            raise EngineLoadError("the program espeak-ng is not installed")
        self._program = program
        self.model = options.model or "es"
        # For a voice it does not know espeak-ng quietly speaks English, and a variant it does not
        # know it passes over.
        voice, plus, variant = self.model.partition("+")
        voices = [language for language, _ in _voices(program, "es")]
        if voice not in voices:
            known = ", ".join(voices)
            raise EngineLoadError(f"{self.model} is no Spanish voice of espeak-ng; {known} are")
        variants = [file.removeprefix("!v/") for _, file in _voices(program, "variant")]
        if plus and variant not in variants:
            message = f"espeak-ng has no variant {variant!r}; espeak-ng --voices=variant lists them"
            raise EngineLoadError(message)

    def _synthesize(self, text: str, language: str, speed: float) -> Mono:  # noqa: ARG002
        # To a file: on a pipe espeak-ng cannot write the length into the header.
        with tempfile.TemporaryDirectory(prefix="espeak-") as folder:
            spoken = Path(folder) / "speech.wav"
            self._run(text, "-s", str(round(WORDS_PER_MINUTE * speed)), "-w", str(spoken))
            # Nothing to say (punctuation alone): espeak-ng may write no file at all.
            return _read(spoken) if spoken.exists() else silence(self.rate_hz)

    def _run(self, text: str, *options: str) -> None:
        try:
            subprocess.run(
                [self._program, "-v", self.model, *options, "--stdin"],
                input=text.encode(),
                check=True,
                capture_output=True,
                timeout=_TIMEOUT_S,
            )
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip()
            raise EngineError(f"espeak-ng failed: {reason}", retryable=True) from error
        except subprocess.TimeoutExpired as error:
            message = f"espeak-ng did not finish in {_TIMEOUT_S:g} s"
            raise EngineError(message, retryable=True) from error


def _voices(program: str, language: str) -> list[tuple[str, str]]:
    """Return language and file of each voice that can be used."""
    listing = subprocess.run(
        [program, f"--voices={language}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    # Columns: priority, language, age and gender, name, file, "(other languages)"; a file may have
    # a space in its name. MBROLA's voices are listed also where its data are not installed.
    rows = [line.split(maxsplit=4) for line in listing.stdout.splitlines()[1:]]
    found = [(row[1], row[4].partition("(")[0].strip()) for row in rows if len(row) > 4]
    return [(language, file) for language, file in found if not file.startswith("mb/")]


def _read(path: Path) -> Mono:
    with wave.open(str(path), "rb") as file:
        pcm = file.readframes(file.getnframes())
        return from_pcm(pcm, rate_hz=file.getframerate(), channels=file.getnchannels())
