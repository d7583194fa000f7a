"""Answers about models before their trials are planned: can it be had, and what is fastest?

    python -m trainables.training.probe < questions.json > answers.json

Both are JSON lists, in the same order. A process of its own imports torch and leaves its memory when it ends.
"""

import sys

import torch
from pydantic import TypeAdapter

from trainables.errors import InputError
from trainables.measurement import ModelAnswer, ModelQuestion
from trainables.models.building import check_backbone
from trainables.training.precision import measure

QUESTIONS = TypeAdapter(list[ModelQuestion])
ANSWERS = TypeAdapter(list[ModelAnswer])


def probe_model(question: ModelQuestion) -> ModelAnswer:
    """Check a model, time it, or both; the user's mistake comes back as a `problem`."""
    answer = ModelAnswer()
    try:
        if question.check:
            found = check_backbone(
                question.recipe, num_classes=question.num_classes, weights=question.weights
            )
            answer = ModelAnswer(weights=found.weights, notes=found.notes)
        if not question.time:
            return answer
        measurement = measure(
            question.recipe,
            num_classes=question.num_classes,
            device=torch.device(question.device),
            threads=1,
            memory_format=question.memory_format,
        )
        return answer.model_copy(update={"measurement": measurement})
    except InputError as error:
        return ModelAnswer(problem=str(error))


if __name__ == "__main__":
    asked = QUESTIONS.validate_json(sys.stdin.read())
    print(ANSWERS.dump_json([probe_model(question) for question in asked]).decode())
