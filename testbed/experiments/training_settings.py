"""The table `[training]`: how a step is made, at what rate, and how long a job is."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from testbed.errors import RequestError
from testbed.learning.learning_rate import Decay, LearningRate
from testbed.learning.optimizer import OptimizerSettings
from testbed.settings import Settings

__all__ = ["TrainingSettings"]

_Beta = Annotated[float, Field(ge=0, lt=1)]
_ONE_LENGTH: Final = "set exactly one of local_steps and local_epochs"
_OF_ADAM: Final = ("betas", "epsilon")
_KEEPS: Final = "keeps_optimizer_state"
_OWN_STARTS: Final = "own_starts"
_OF_SCHEDULE: Final = ("warmup_steps", "decay", "decay_factor", "final_fraction", "total_steps")


class TrainingSettings(Settings):
    """`[training]`: one client's job, the same for every method.

    `learning_rate` is one number for all methods or a table of one number per method, as tuned for the scenario;
    setting a number replaces the table. Steps of a schedule are what the world counts versions in: global versions in a
    federation, whose jobs keep the rate of the version they start from, and steps where every step is a version.
    """

    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"  # how a step is made
    learning_rate: PositiveFloat | dict[str, PositiveFloat]  # the peak, where there is a warm-up or a decay
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of sgd
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # added to the gradient by sgd and adam, apart from it with adamw
    betas: tuple[_Beta, _Beta] | None = None  # of adam and adamw: (0.9, 0.999) if not set
    epsilon: PositiveFloat | None = None  # of adam and adamw: 1e-8 if not set
    clip_norm: PositiveFloat | None = None  # the largest Euclidean norm of a gradient; none: it is not clipped
    warmup_steps: NonNegativeInt = 0  # steps over which the rate rises to the peak
    decay: Decay = "none"  # how the rate falls after that: none, cosine, linear, exponential
    decay_factor: Annotated[float, Field(gt=0, lt=1)] | None = None  # of exponential: what a step leaves of the rate
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1  # of the peak, where a decay ends
    total_steps: PositiveInt | None = None  # where cosine and linear end; run.horizon_rounds if not set
    keeps_optimizer_state: bool = False  # whether a client's next job goes on with the state its last one ended with
    own_starts: Literal["alike", "apart"] = "alike"  # tensors that stay with a client: as everybody's, or its own draw
    local_steps: PositiveInt | None = None  # steps of a job
    local_epochs: PositiveInt | None = None  # or its passes over the client's data
    batch_size: PositiveInt | Literal["full"]  # samples of a step, or all that the client has

    @model_validator(mode="after")
    def _check(self) -> "TrainingSettings":
        if self.local_steps is not None and self.local_epochs is not None:
            raise RequestError(_ONE_LENGTH)
        if self.optimizer != "sgd" and self.momentum:
            raise RequestError(f"momentum belongs to sgd; {self.optimizer} has betas")
        if self.optimizer == "sgd" and (self.betas is not None or self.epsilon is not None):
            raise RequestError("betas and epsilon belong to adam and adamw; sgd has momentum")
        return self

    def check_length(self, *, trains_in_segments: bool) -> None:
        """Refuse a length of jobs where methods say it themselves, and none where they do not."""
        planned = self.local_steps is not None or self.local_epochs is not None
        if self.keeps_optimizer_state and trains_in_segments:
            raise RequestError("training: methods of this world always keep the optimiser's state; leave it out")
        if planned and trains_in_segments:
            raise RequestError("training: methods of this world count steps themselves: no local_steps or local_epochs")
        if not planned and not trains_in_segments:
            raise RequestError(f"training: {_ONE_LENGTH}")

    def optimizer_settings(self, learning_rate: float) -> OptimizerSettings:
        """Return how a step is made, at this learning rate."""
        stated = {"betas": self.betas, "epsilon": self.epsilon, "clip_norm": self.clip_norm}
        return OptimizerSettings(
            kind=self.optimizer,
            learning_rate=learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            **{name: value for name, value in stated.items() if value is not None},
        )

    def schedule(self, learning_rate: float, horizon_rounds: int | None) -> LearningRate:
        """Return the rate of every step, with this peak; see `LearningRate` for what is refused."""
        total_steps = horizon_rounds if self.total_steps is None else self.total_steps
        return LearningRate(
            learning_rate, self.warmup_steps, self.decay, self.final_fraction, total_steps, self.decay_factor
        )

    def document(self, learning_rate: float, horizon_rounds: int | None) -> dict[str, Any]:
        """Return what can change a result, defaults written out; what is not asked for is not stated."""
        optimizer = self.optimizer_settings(learning_rate)
        stated = self.model_dump(exclude={*_OF_ADAM, "clip_norm", *_OF_SCHEDULE, _KEEPS, _OWN_STARTS}) | {
            "learning_rate": learning_rate
        }
        if self.optimizer != "sgd":
            stated |= {"betas": list(optimizer.betas), "epsilon": optimizer.epsilon}
        if self.keeps_optimizer_state:
            stated[_KEEPS] = True
        if self.own_starts != "alike":
            stated[_OWN_STARTS] = self.own_starts
        if self.clip_norm is not None:
            stated["clip_norm"] = self.clip_norm
        schedule = self.schedule(learning_rate, horizon_rounds)
        if not schedule.is_constant:
            stated |= {"warmup_steps": self.warmup_steps, "decay": self.decay}
        if self.decay != "none":
            stated["final_fraction"] = self.final_fraction
            if self.decay == "exponential":
                stated["decay_factor"] = self.decay_factor
            else:
                stated["total_steps"] = schedule.total_steps
        return stated
