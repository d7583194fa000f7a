"""Values of metrics by name, and for each that does not exist the reason."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class MetricValues:
    """Metrics that exist by name, and for the others the reason why they don't."""

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: float | None, reason: str = "") -> None:
        """Keep a value, or the reason why there is none."""
        if value is None:
            self.reasons[name] = reason
        else:
            self.values[name] = float(value)

    def update(self, other: "MetricValues") -> None:
        """Take over all values and reasons of another set."""
        self.values |= other.values
        self.reasons |= other.reasons
