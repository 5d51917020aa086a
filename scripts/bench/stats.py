# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured: single samples, and the median of several with its spread.

A step that failed leaves a reason instead of a sample. One thread.
"""

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stat:
    """Of one figure over the rounds; low and high are its extremes."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values):
        values = [value for value in values if value is not None]
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass
class Records:
    """samples: dicts with scenario, pair, round, step and the step's values.
    failures: dicts with scenario, pair, round and the reason."""

    samples: list = field(default_factory=list)
    failures: list = field(default_factory=list)

    def add(self, scenario, pair, number, step, values):
        where = {"scenario": scenario, "pair": pair, "round": number, "step": step}
        self.samples.append({**where, **values})

    def fail(self, scenario, pair, number, why):
        self.failures.append(
            {"scenario": scenario, "pair": pair, "round": number, "reason": str(why)}
        )

    def stat(self, scenario, pair, step, key):
        """Stat or None; key names a value, or is a function of the sample."""
        get = key if callable(key) else lambda sample: sample.get(key)
        return Stat.of(
            get(sample)
            for sample in self.samples
            if (sample["scenario"], sample["pair"], sample["step"]) == (scenario, pair, step)
        )

    def why_not(self, scenario, pairs):
        """The reason why there is nothing of a scenario, in a few words."""
        for failure in reversed(self.failures):
            if failure["scenario"] == scenario and failure["pair"] in pairs:
                return f"{failure['pair']}: {failure['reason']}"
        if any((sample["scenario"], sample["pair"]) in [(scenario, pair) for pair in pairs]
               for sample in self.samples):
            return f"{pairs[0]}: never"
        return "not in this run"
