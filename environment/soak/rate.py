"""How sure one can be of a rate that was seen a few times."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True)
class Rate:
    """``passed`` of ``tried``; both counts."""

    passed: int
    tried: int

    @property
    def share(self) -> float:
        """What passed, 0 to 1; 0 where nothing was tried, as nothing was shown."""
        return self.passed / self.tried if self.tried else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true rate lies with 95 % confidence, 0 to 1 (Clopper-Pearson, exact).

        Ten of ten still leaves 69 % possible; where nothing was tried, everything is.
        """
        if not self.tried:
            return 0.0, 1.0
        found = binomtest(self.passed, self.tried).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.passed} of {self.tried} passed: {100 * self.share:.1f} % "
            f"(95 % interval: {100 * low:.1f} to {100 * high:.1f} %)"
        )
