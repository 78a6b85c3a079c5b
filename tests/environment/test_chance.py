"""What is left to chance can be repeated."""

from environment.chance import roll
from environment.settings import load_settings


def test_a_seed_decides_and_is_told() -> None:
    told: list[dict[str, object]] = []

    def note(event: str, /, **fields: object) -> None:
        told.append({"event": event, **fields})

    settings = load_settings({"e2e_chaos_seed": 7})
    first = [roll("moments", settings, note).random() for _ in range(2)]
    assert first[0] == first[1] != roll("faults", settings, note).random()
    assert told[0] == {
        "event": "seed_chosen",
        "what": "moments",
        "seed": 7,
        "repeat": "E2E_CHAOS_SEED=7",
    }


def test_without_one_each_roll_is_another_and_can_be_repeated() -> None:
    seeds: list[object] = []

    def note(_event: str, /, **fields: object) -> None:
        seeds.append(fields["seed"])

    settings = load_settings({"e2e_chaos_seed": 0})
    rolled = [roll("moments", settings, note).random() for _ in range(5)]
    assert len(set(rolled)) == len(set(seeds)) == 5
    again = load_settings({"e2e_chaos_seed": seeds[2]})
    assert roll("moments", again, note).random() == rolled[2]
