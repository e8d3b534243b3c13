"""The batched kernel: many clients' jobs in one call, by the fastest arithmetic that is right for the model.

The choice is a rule about the model, stated here and recorded with every chunk:

0. a gradient, a joint job: serial;
1. a module that computes several states of itself (`LaneModule`): `module_lanes`, or serial where it says why;
2. any other job whose optimiser has a state, windows of tokens: serial;
3. a forward that draws, changes its buffers or mixes samples: serial;
4. a plain stack of linear layers and rectifiers: `dense`, the first layer in the space of the job's samples where that
   is cheaper (`sample_space` states the rule);
5. a plain stack of convolutions: `convolution`, in lockstep where it has large linear layers; any other convolutions:
   serial, for vmap of a convolution is slower than one job at a time;
6. whatever `torch.func` can batch, of at most 80,000 entries and with matrices that keep the lanes aligned:
   `vmap`;
7. everything else: serial.

4 and 5 are arithmetic of the CPU. On a GPU plain linear layers go on to 6, and all convolutions are serial.
"""

from typing import ClassVar

from testbed.learning.kernels.convolution import convolution_family
from testbed.learning.kernels.dense import dense_family
from testbed.learning.kernels.evaluation import evaluate
from testbed.learning.kernels.module_lanes import evaluation_lanes_family, lanes_obstacle, module_lanes_family
from testbed.learning.kernels.protocol import EvaluationJob, Family, GradientJob, Job, JointJob, evaluation_family
from testbed.learning.kernels.serial import serial_family
from testbed.learning.kernels.vmap import MOST_ENTRIES, misaligned_tensor, vmap_family
from testbed.learning.task import LearningTask
from testbed.settings import Part

__all__ = ["BatchedKernel"]


class BatchedKernel(Part):
    """Computes the jobs of many clients together where their model allows it."""

    kind: str = "batched"
    computes: ClassVar[bool] = True

    def family(self, job: Job) -> Family:
        """Return the family of a job: task, width of the batches, proximal weight, and arithmetic of the model."""
        if isinstance(job, EvaluationJob):
            return evaluation_lanes_family(job) or evaluation_family(job.task, evaluate)
        task = job.task
        if isinstance(job, JointJob):
            return serial_family(task, "a joint job stands alone")
        if isinstance(job, GradientJob):
            return serial_family(task, "a gradient is computed alone")
        own = lanes_obstacle(task)
        if own is not None:
            return serial_family(task, own) if own else module_lanes_family(job)
        if job.optimizer_state is not None:
            return serial_family(task, f"{task.optimizer.kind} with a state is computed one job at a time")
        obstacle = _obstacle(task)
        if obstacle:
            return serial_family(task, obstacle)
        if _has_closed_form(task):
            return dense_family(job) if task.traits.layers else convolution_family(job)
        return vmap_family(task, job.samples.shape[1], job.proximal_weight)


def _has_closed_form(task: LearningTask) -> bool:
    """Return whether `dense` or `convolution`, which are arithmetic of the CPU, can compute a task."""
    traits = task.traits
    return task.device.type == "cpu" and bool(traits.layers or traits.convolutions is not None)


def _obstacle(task: LearningTask) -> str:
    """Return why the jobs of a task are computed one at a time; empty if they need not be."""
    traits = task.traits
    if task.is_language:
        return "windows of tokens are computed one job at a time"
    if traits.draws:
        return "the forward draws random numbers"
    if traits.changes_buffers:
        return "the forward changes buffers"
    if traits.mixes_samples:
        return "the samples of a batch affect each other"
    if _has_closed_form(task):
        return ""
    if traits.convolutions is not None:
        return "the closed form of convolutions is arithmetic of the CPU"
    if traits.convolves:
        return "convolutions are faster one job at a time"
    if task.layout.size > MOST_ENTRIES:
        return "a model of this size is as fast one job at a time"
    if traits.vmap_complaint:
        return f"torch.func cannot batch it: {traits.vmap_complaint}"
    if traits.unused and task.optimizer.weight_decay:
        return f"weight decay leaves the unused {traits.unused[0]} alone"
    misaligned = misaligned_tensor(task)
    return f"the size of {misaligned} is not a multiple of 16: lanes would be misaligned" if misaligned else ""
