"""Answers about models before their trials are planned: can it be had, and what is fastest?

    python -m trainables.training.probe < questions.json > answers.json

Both are JSON lists, in the same order. Each question is answered by a process of its own, so that the memory
which one model takes is not counted for the next; torch is imported once, before these are forked.
"""

import sys

import torch
from pydantic import TypeAdapter

from trainables.errors import InputError
from trainables.measurement import ModelAnswer, ModelQuestion
from trainables.models.building import check_backbone
from trainables.own_process import ProcessEndedError, in_own_process
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


def probe_alone(question: ModelQuestion) -> ModelAnswer:
    """Answer in a process of its own; one that is killed has met the end of the machine's memory.

    Raises:
        ProcessEndedError: it met an exception, which it has printed.
    """
    try:
        return ModelAnswer.model_validate_json(in_own_process(_answer_text, question))
    except ProcessEndedError as error:
        if error.exit_code >= 0:
            raise
        recipe = question.recipe
        return ModelAnswer(
            problem=f"measuring {recipe.backbone} at {recipe.image_size} px was ended by signal "
            f"{-error.exit_code}, most likely for want of memory; lower batch_size or image_size"
        )


def _answer_text(question: ModelQuestion) -> str:
    return probe_model(question).model_dump_json()


if __name__ == "__main__":
    asked = QUESTIONS.validate_json(sys.stdin.read())
    print(ANSWERS.dump_json([probe_alone(question) for question in asked]).decode())
