"""The containers of the system under test: made, watched, healed, taken away."""
