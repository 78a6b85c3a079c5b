"""Asks the speech engines' libraries themselves, without a line of sts-service's code.

Runs in a container of sts-service's image: ``python3 witness_program.py FOLDER``. FOLDER holds
request.json, ``{"asr": [engine, model], "translation": ..., "tts": ..., "said": [...],
"translated": [...]}``, and the sounds as 0.npy, 1.npy, ... (mono float32, 16 kHz). Into
FOLDER/answers come answers.json, ``{"heard": [...], "translated": [...], "digests": {"asr": ...}}``
with the SHA-256 of each model that is a file or a folder, and for each of the translations what
the voice makes of it, as 0.wav, 1.wav, ...
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RATE_HZ = 16_000
TIMEOUT_S = 60
TEN_MS_BYTES = 2 * RATE_HZ // 100
NOISE_SUPPRESSION = 2
ESPEAK_WORDS_PER_MINUTE = 150
WHISPER_BEAMS = 5

Sounds = list[Any]


def hear_with_whisper(checkpoint: str, sounds: Sounds) -> list[str]:
    """Recognise English with openai-whisper and a checkpoint's file."""
    import whisper  # noqa: PLC0415 - each engine's libraries only where that engine is asked

    model = whisper.load_model(checkpoint, device="cpu")
    options = {"language": "en", "temperature": 0.0, "beam_size": WHISPER_BEAMS}
    options |= {"condition_on_previous_text": False}
    return [str(whisper.transcribe(model, s, fp16=False, **options)["text"]) for s in sounds]


def hear_with_pocketsphinx(_model: str, sounds: Sounds) -> list[str]:
    """Recognise English with PocketSphinx and its own model, steady noise taken out before."""
    from pocketsphinx import Decoder  # noqa: PLC0415
    from webrtc_noise_gain import AudioProcessor  # type: ignore[import-untyped] # noqa: PLC0415

    heard = []
    for sound in sounds:
        cleaner = AudioProcessor(0, NOISE_SUPPRESSION)
        pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
        moments = (pcm[at : at + TEN_MS_BYTES] for at in range(0, len(pcm), TEN_MS_BYTES))
        clean = b"".join(cleaner.Process10ms(moment).audio for moment in moments)
        decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
        decoder.start_utt()
        decoder.process_raw(clean, full_utt=True)
        decoder.end_utt()
        heard.append(decoder.hyp().hypstr if decoder.hyp() else "")
    return heard


def translate_with_marian(folder: str, texts: list[str]) -> list[str]:
    """Translate with a Marian model of transformers."""
    from transformers import MarianMTModel, MarianTokenizer  # noqa: PLC0415

    tokenizer = MarianTokenizer.from_pretrained(folder, local_files_only=True)
    model = MarianMTModel.from_pretrained(folder, local_files_only=True).eval()
    translated = []
    for text in texts:
        tokens = tokenizer([text], return_tensors="pt")
        given = {key: tokens[key] for key in ("input_ids", "attention_mask")}
        written = model.generate(**given, do_sample=False, max_new_tokens=200)
        translated += tokenizer.batch_decode(written, skip_special_tokens=True)
    return translated


def translate_with_apertium(mode: str, texts: list[str]) -> list[str]:
    """Translate with Apertium's own program; it takes a full stop for the end of a sentence."""
    return [
        subprocess.run(
            ["apertium", "-u", mode],
            input=f"{text}.",
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        ).stdout
        for text in texts
    ]


def speak_with_coqui(folder: str, texts: list[str], into: Path) -> None:
    """Speak with Coqui TTS."""
    from TTS.utils.synthesizer import Synthesizer  # noqa: PLC0415

    weights = next(
        path
        for name in ("model.pth", "model_file.pth", "model_file.pth.tar")
        if (path := Path(folder) / name).is_file()
    )
    voice = Synthesizer(tts_checkpoint=weights, tts_config_path=Path(folder) / "config.json")
    for number, text in enumerate(texts):
        samples = np.asarray(voice.tts(text, split_sentences=False), np.float32)
        write_wav(into / f"{number}.wav", samples, int(voice.output_sample_rate))


def speak_with_espeak(voice: str, texts: list[str], into: Path) -> None:
    """Speak with eSpeak NG's own program, at the pace that sts-service asks of it."""
    for number, text in enumerate(texts):
        sound = str(into / f"{number}.wav")
        pace = ["-s", str(ESPEAK_WORDS_PER_MINUTE)]
        command = ["espeak-ng", "-v", voice, *pace, "-w", sound, "--", text]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)


RECOGNIZERS: dict[str, Callable[[str, Sounds], list[str]]] = {
    "whisper": hear_with_whisper,
    "pocketsphinx": hear_with_pocketsphinx,
}
TRANSLATORS: dict[str, Callable[[str, list[str]], list[str]]] = {
    "marian": translate_with_marian,
    "apertium": translate_with_apertium,
}
VOICES: dict[str, Callable[[str, list[str], Path], None]] = {
    "coqui": speak_with_coqui,
    "espeak": speak_with_espeak,
}


def content_digest(model: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of its files' names and digests, sorted."""
    if model.is_file():
        return hashlib.sha256(model.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in sorted(path for path in model.rglob("*") if path.is_file()):
        whole.update(f"{file.relative_to(model).as_posix()}\0{content_digest(file)}\n".encode())
    return whole.hexdigest()


def write_wav(path: Path, samples: Any, rate_hz: int) -> None:
    """Write mono samples in -1..1 as 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def main(folder: Path) -> int:
    """Ask all three engines, one after the other."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    answers = folder / "answers"
    answers.mkdir(exist_ok=True)
    sounds = [np.load(folder / f"{number}.npy") for number in range(len(request["said"]))]
    recognizer, hearing_model = request["asr"]
    translator, translation_model = request["translation"]
    voice, speaking_model = request["tts"]
    document = {
        "heard": RECOGNIZERS[recognizer](hearing_model, sounds),
        "translated": TRANSLATORS[translator](translation_model, request["said"]),
        "digests": {
            stage: content_digest(Path(request[stage][1]))
            for stage in ("asr", "translation", "tts")
            if request[stage][1].startswith("/")
        },
    }
    VOICES[voice](speaking_model, request["translated"], answers)
    (answers / "answers.json").write_text(json.dumps(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
