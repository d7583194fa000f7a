"""Outcome of a comparison of bits: did a trial give the same numbers twice, and after it was resumed?

Plain values, read without torch. A verdict holds for the place that it was found at: a card with its driver
and torch, or a machine with its torch.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Stamp = Literal["equal", "differ"]


class BitsVerdict(BaseModel):
    """Were two runs (`runs`), and a killed and resumed one and a whole one (`resumed`), equal bit by bit?"""

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: str
    place: str
    threads: int = 1
    runs: bool
    resumed: bool
    seconds: float = 0.0

    @property
    def is_equal(self) -> bool:
        """Whether all of them were."""
        return self.runs and self.resumed

    @property
    def stamp(self) -> Stamp:
        """What a run's record keeps."""
        return "equal" if self.is_equal else "differ"
