"""Real players, in a container of their own: Debian's ffprobe, mpv and headless Chromium."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from environment.errors import ContainerFailed
from environment.provision.base_image import ensure_base
from environment.provision.engine import ensure_engine
from environment.provision.errand import Errand, Outcome, run_errand
from environment.provision.images import PLAYERS, ensure_built
from environment.provision.registry import Registry
from environment.runs.playback import BrowserPlayback, LivePlayback, read_live_playback
from environment.settings import REPO_ROOT
from environment.stack.ownership import Owner

if TYPE_CHECKING:
    from environment.session import Session

FINDINGS: Final = "findings.json"

_NAMES: Final = ("ffprobe", "mpv", "Chromium")
_FOLDER: Final = PurePosixPath("/players")
_FOUND: Final = _FOLDER / "found"
_PROGRAMS: Final = REPO_ROOT / "environment" / "players"
_RTMP: Final = "rtmp://mediamtx:1935"
# A player that is starved of the processor tells nothing of the stream.
_CPU_WEIGHT: Final = 8192
_START_S: Final = 30.0
# Who joins half-way hears before he sees: the next keyframe is two seconds away at most.
_JOIN_S: Final = 2.5
_SILENT_SERVER_US: Final = 8_000_000
_ERROR: Final = re.compile(r"\[(error|fatal|panic)\]")
_STATUS_LINE: Final = "STATUS " + " ".join(
    f"${{={name}:0}}"
    for name in (
        *("time-pos", "avsync", "frame-drop-count", "decoder-frame-drop-count"),
        "estimated-frame-number",
    )
)


@dataclass(frozen=True)
class Versions:
    """Who plays, in each program's own words, and as which user of the container."""

    programs: tuple[str, ...]
    user_id: int


@dataclass(frozen=True)
class LiveFindings:
    """A live stream as ffprobe found it (streams and container, as JSON), and as mpv played it."""

    probed: dict[str, Any]
    probe_complaints: str
    playback: LivePlayback


def ensure_players(session: Session) -> str:
    """The players' image, built if it is not there: minutes the first time.

    Raises ``ImageUnavailable``: it cannot be built.
    """
    with closing(ensure_engine(session.progress)) as client:
        base = ensure_base(client, session.settings, Registry(client), session.progress)
        return ensure_built(client, PLAYERS, base, session.progress)


def ask_versions(session: Session) -> Versions:
    """Let each player say who it is. Raises ``ContainerFailed`` when one cannot."""
    ask = (
        "id -u && ffprobe -version | head -n 1 && mpv --version | head -n 1"
        " && chromium-headless-shell --version"
    )
    outcome, said = _run(session, "players", ("sh", "-c", ask), timeout_s=_START_S)
    user_id, *programs = said.splitlines() or [""]
    named = tuple(line.startswith(name) for line, name in zip(programs, _NAMES, strict=False))
    if outcome.status != 0 or named != (True,) * len(_NAMES):
        raise ContainerFailed(
            f"The players do not say who they are: {said[-1000:]}",
            remedy="environment/players/Dockerfile installs them.",
        )
    return Versions(tuple(programs), int(user_id))


def play_live(session: Session, path: str, seconds: float, evidence: Path) -> LiveFindings:
    """Let ffprobe inspect a live path of the media server, while mpv shows it for that long.

    mpv has neither screen nor loudspeaker, but keeps their time. Filters of FFmpeg's look for
    pictures that stand still or are black, and measure the sound. What both found and said is left
    in the folder ``evidence``.
    """
    url = f"{_RTMP}/{path}"
    probe = (
        *("ffprobe", "-hide_banner", "-v", "error", "-rw_timeout", str(_SILENT_SERVER_US)),
        *("-show_streams", "-show_format", "-of", "json", "-o", "found/ffprobe.json", "-i", url),
    )
    play = (
        *("mpv", "--no-config", "--load-scripts=no", "--ytdl=no", "--no-input-terminal"),
        *("--vo=null", "--ao=null", f"--length={seconds + _JOIN_S:g}", "--msg-color=no"),
        *("--log-file=found/mpv.log", f"--term-status-msg={_STATUS_LINE}"),
        *(
            "--af=lavfi=[volumedetect]",
            "--vf=lavfi=[scale=320:-2,freezedetect=d=1,blackdetect=d=1]",
        ),
        url,
    )
    both = (
        f"mkdir found; {shlex.join(probe)} >found/ffprobe.log 2>&1 & "
        f"{shlex.join(play)}; status=$?; wait; exit $status"
    )
    outcome, said = _run(
        session,
        "live",
        ("sh", "-c", both),
        timeout_s=seconds + _START_S,
        on_network=True,
        evidence=evidence,
    )
    (evidence / "mpv-said.txt").write_text(said, encoding="utf-8")
    playback = read_live_playback(outcome.status, said, _text(evidence / "mpv.log"))
    session.log_event("played_live", path=path, by="mpv", playback=playback)
    return LiveFindings(
        probed=json.loads(_text(evidence / "ffprobe.json") or "{}"),
        probe_complaints=_text(evidence / "ffprobe.log").strip(),
        playback=playback,
    )


def watch(session: Session, recording: Path, length_s: float, evidence: Path) -> BrowserPlayback:
    """Let headless Chromium play a recording to its end, made into MP4 by copying its packets.

    ``length_s`` is how long it should be, for the deadline. Findings and the MP4 are left in the
    folder ``evidence``. Raises ``ContainerFailed`` where there is nothing to play, or the page
    never says how it went.
    """
    files = {
        str(_FOLDER / "recording"): recording.read_bytes(),
        **{
            str(_FOLDER / name): (_PROGRAMS / name).read_bytes()
            for name in ("watch.py", "page.html")
        },
    }
    # On a busy machine the sound, whose clock rules, comes slower than time goes by.
    deadline_s = session.settings.timeout(2 * length_s + _START_S)
    command = ("python3", "watch.py", str(_FOLDER), f"{deadline_s:g}")
    outcome, said = _run(
        session,
        "chromium",
        command,
        timeout_s=2 * length_s + 2 * _START_S,
        files=files,
        evidence=evidence,
    )
    if outcome.status != 0:
        raise ContainerFailed(
            f"Chromium cannot play {recording.name}: {said[-1500:].strip()}",
            remedy=f"what it was given and what it said lies in {evidence}.",
        )
    playback = read_findings(evidence)
    if playback is None:
        raise ContainerFailed(f"Chromium played {recording.name}, and left no findings.")
    session.log_event(
        "played_in_browser",
        recording=recording,
        played_s=playback.played_until_s,
        pictures=playback.pictures,
        dropped=playback.dropped,
    )
    return playback


def read_findings(evidence: Path) -> BrowserPlayback | None:
    """What was found when a recording was watched with this folder for evidence; None: nothing."""
    file = evidence / FINDINGS
    if not file.is_file():
        return None
    document = json.loads(file.read_text(encoding="utf-8"))
    if document["findings"] is None:
        return None
    errors = [line for line in document["copy_log"].splitlines() if _ERROR.search(line)]
    return BrowserPlayback.model_validate({**document["findings"], "unreadable": errors})


def _text(file: Path) -> str:
    """What a player wrote; nothing where it did not come to that."""
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _run(
    session: Session,
    name: str,
    command: tuple[str, ...],
    *,
    timeout_s: float,
    on_network: bool = False,
    files: dict[str, bytes] | None = None,
    evidence: Path | None = None,
) -> tuple[Outcome, str]:
    """Run a player to its end, as the image's own user; how it ended, and all that it said."""
    said: list[bytes] = []
    image = ensure_players(session)
    errand = Errand(
        name=name,
        image=image,
        command=command,
        timeout_s=session.settings.timeout(timeout_s),
        files=files or {},
        brought_back={} if evidence is None else {str(_FOUND): evidence},
        even_failed=True,
        network=session.stack().network.name if on_network else None,
        cpu_weight=_CPU_WEIGHT,
    )
    with closing(ensure_engine(session.progress)) as client:
        outcome = run_errand(client, errand, Owner.current(session.run_id), said.append)
    return outcome, b"".join(said).decode(errors="replace")
