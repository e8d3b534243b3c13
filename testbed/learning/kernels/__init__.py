"""Kernels: the arithmetic by which jobs are computed; a kernel alone decides the bytes of a result.

Reading order: `protocol` (jobs, outputs, families, chunks and the rule that forms them), `serial` (the
reference, one job at a time), `lanes` (what lies side by side in a chunk), `dense` (stacks of linear layers
by fused batched products), `lane_layer` and `sample_space` (two ways to train one of their layers), `vmap`
(any other model that allows it), `module_lanes` (modules that compute several states of themselves), `batched`
(which of them a model gets, and why); `evaluation` tests versions.

Two laws hold: kernels agree to 1e-5 per job, and under one kernel the bits of a job do not depend on the
jobs computed beside it.
"""

__all__: list[str] = []
