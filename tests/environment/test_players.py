"""How the players' containers are run: what each is given, where it looks, whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import ContainerFailed
from environment.provision import images
from environment.provision.errand import Errand, Outcome
from environment.runs import players
from environment.settings import REPO_ROOT, Settings
from environment.stack.ownership import Owner


class Players:
    """Containers that leave `found` behind, say `said` and end with `status`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: dict[str, str] = {}
        self.said = b""
        self.status = 0
        self.errands: list[Errand] = []
        self.owners: list[Owner] = []
        self.session: Any = SimpleNamespace(
            settings=Settings(_env_file=None, e2e_timeout_multiplier=2),
            run_id="20261122-mine",
            progress=None,
            log_event=lambda *_said, **_fields: None,
            stack=lambda: SimpleNamespace(network=SimpleNamespace(name="e2e-net-mine")),
        )
        client = SimpleNamespace(close=lambda: None)
        monkeypatch.setattr(players, "ensure_engine", lambda _progress: client)
        monkeypatch.setattr(players, "ensure_players", lambda _session: "dubspec/players:1")
        monkeypatch.setattr(players, "run_errand", self._run)

    def _run(
        self, _client: object, errand: Errand, owner: Owner, tell: Callable[[bytes], object]
    ) -> Outcome:
        self.errands.append(errand)
        self.owners.append(owner)
        tell(self.said)
        for folder in errand.brought_back.values():
            folder.mkdir(parents=True)
            for name, content in self.found.items():
                (folder / name).write_text(content)
        return Outcome(self.status, self.said.decode())


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> Players:
    return Players(monkeypatch)


def test_the_image_holds_nothing_of_the_programs_put_into_it() -> None:
    assert [path.name for path in images.PLAYERS.contents] == ["Dockerfile"]
    assert images.PLAYERS.requirements is None
    assert images.PLAYERS.stands_on is None


def test_live_players_join_the_runs_network_and_belong_to_the_run(
    at_hand: Players, tmp_path: Path
) -> None:
    at_hand.found = {"ffprobe.json": '{"streams": [{}]}', "ffprobe.log": "\n"}
    found = players.play_live(at_hand.session, "live/a stream/out", 10, tmp_path / "live")
    (errand,) = at_hand.errands
    assert errand.network == "e2e-net-mine"
    assert at_hand.owners[0].run == "20261122-mine"
    assert errand.user is None
    assert errand.timeout_s == 80
    assert errand.command[-1].count("'rtmp://mediamtx:1935/live/a stream/out'") == 2
    assert found.probed == {"streams": [{}]}
    assert found.probe_complaints == ""
    assert found.playback.pictures == 0


def test_players_that_leave_nothing_have_found_nothing(at_hand: Players, tmp_path: Path) -> None:
    at_hand.status = 2
    found = players.play_live(at_hand.session, "live/nobody/out", 10, tmp_path / "live")
    assert found.probed == {}
    assert found.playback.exit_status == 2


FINDINGS = {
    **dict.fromkeys(("width", "height", "decoded_audio_bytes", "pictures", "dropped"), 1),
    **dict.fromkeys(("shown", "samples", "events"), ()),
    "trouble": None,
    "ended": True,
    "duration_s": 1.0,
    "played_until_s": 1.0,
    "corrupted": 0,
    "browser": "HeadlessChrome",
}


def watch(at_hand: Players, folder: Path) -> Any:
    recording = folder / "output.flv"
    recording.write_bytes(b"FLV")
    return players.watch(at_hand.session, recording, 30, folder / "watched")


def test_chromium_is_given_the_recording_and_no_network(at_hand: Players, tmp_path: Path) -> None:
    at_hand.found = {players.FINDINGS: json.dumps({"findings": FINDINGS, "copy_log": ""})}
    assert watch(at_hand, tmp_path).ended
    (errand,) = at_hand.errands
    assert errand.network is None
    assert not errand.on_host_network
    assert errand.files["/players/recording"] == b"FLV"
    for name in ("watch.py", "page.html"):
        content = (REPO_ROOT / "environment" / "players" / name).read_bytes()
        assert errand.files[f"/players/{name}"] == content
    assert float(errand.command[-1]) < errand.timeout_s, "the page ends before the container"


def test_a_recording_that_chromium_cannot_open_is_told(at_hand: Players, tmp_path: Path) -> None:
    at_hand.status, at_hand.said = 1, b"recording: Invalid data found"
    with pytest.raises(ContainerFailed, match=r"cannot play output\.flv: recording: Invalid data"):
        watch(at_hand, tmp_path)


def test_a_browser_without_findings_is_told(at_hand: Players, tmp_path: Path) -> None:
    with pytest.raises(ContainerFailed, match="left no findings"):
        watch(at_hand, tmp_path)


def test_players_say_who_they_are(at_hand: Players) -> None:
    at_hand.said = b"10001\nffprobe 5.1\nmpv 0.35\nChromium 156\n"
    versions = players.ask_versions(at_hand.session)
    assert versions == players.Versions(("ffprobe 5.1", "mpv 0.35", "Chromium 156"), 10001)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"10001\nffprobe 5.1\nsh: 1: mpv: not found\nChromium 156\n", 0),
        (b"10001\nffprobe 5.1\nmpv 0.35\nsh: 1: mpv: not found\n", 127),
        (b"", 1),
    ],
)
def test_a_player_that_is_missing_is_told(at_hand: Players, said: bytes, status: int) -> None:
    at_hand.said, at_hand.status = said, status
    with pytest.raises(ContainerFailed, match="do not say who they are"):
        players.ask_versions(at_hand.session)
