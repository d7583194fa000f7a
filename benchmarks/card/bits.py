"""Bits of a trial: equal twice, and after it was killed and resumed."""

from benchmarks.card.case import emit, limit, read_case
from trainables.same_bits import compare_bits


def main() -> None:
    case = read_case()
    verdict = compare_bits(case.device)
    emit(**verdict.model_dump())
    limit("two runs that are equal bit by bit", float(verdict.runs), 1)
    limit("a run that was killed and resumed and is equal bit by bit", float(verdict.resumed), 1)


if __name__ == "__main__":
    main()
