"""The capability card: what a candidate showed in an aptitude test, and its text c^m.

The card is what a selector knows of a candidate (paper: Capability Instructions). It holds the
numbers; the text is made from them, one line a task, so that encoders with a short window can
take it in parts without cutting a line.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, computed_field

FORMAT_VERSION = 1


class TaskResult(BaseModel):
    """How a candidate did in one core task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    keywords: list[str] = Field(description="what the task is about, five words")
    accuracy: float = Field(ge=0, le=1, description="mean score of the task's questions")
    count: int = Field(ge=1, description="questions asked")

    def line(self) -> str:
        """One sentence of c^m."""
        return f"The model achieves accuracy {self.accuracy:.0%} on the task of '{self.topics()}'."

    def topics(self) -> str:
        """What the task is about, in words."""
        return ", ".join(self.keywords) or self.task


class CapabilityCard(BaseModel):
    """A candidate's result in one aptitude test."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    format_version: int = FORMAT_VERSION
    model_id: str
    test: str = Field(description="hash of the aptitude test")
    tasks: list[TaskResult] = Field(min_length=1)
    notes: str = Field("", description="expert knowledge: languages, licence")
    engine: Mapping[str, Any] = Field(default_factory=dict, description="settings it answered with")

    def lines(self) -> list[str]:
        """The sentences of c^m: one for each task, and the notes if there are any."""
        return [result.line() for result in self.tasks] + ([self.notes] if self.notes else [])

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def text(self) -> str:
        """c^m in natural language."""
        return "\n".join(self.lines())

    def mean_accuracy(self) -> float:
        """Mean accuracy over the tasks, in [0, 1]."""
        return sum(result.accuracy for result in self.tasks) / len(self.tasks)
