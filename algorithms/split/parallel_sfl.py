"""ParallelSFL: clients form clusters, one of them hosts the top, and every cluster trains at its own pace.

Liao, Xu, Xu, Yao, Huang and Qiao, "ParallelSFL: A Novel Split Federated Learning Framework Tackling Heterogeneity
Issues", MobiCom 2024. Only the abstract and the introduction could be read; the equations are those of a public
re-implementation that cites them by number.

1. Clusters that trade waiting against labels by their utility (Alg. 1, `clustering.py`).
2. tau_c iterations in cluster c, so that all end at nearly the same time (Eq. 17, `cluster_times.py`).
3. In a cluster every bottom steps with its own gradient, the top once an iteration with their mean (Eqs. 2-4).
4. w <- sum_c rho_c w_c ,   rho_c = N_c tau_c / sum N tau                                                  (Eq. 18)

Activations and gradients pass between devices; only whole models pass the server's link, twice a cluster and round.
Deviations, our choice: clients are known exactly and do not change, so that clusters are formed once, and `rotates`
forms them anew every round with the hosts of the last one as bottoms where another client has at least 70 % of its way
in; planned times leave out sharing of links and queues.
"""

from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from pydantic import Field, PositiveInt

from algorithms.split.cluster_times import Cluster, FloatArray, local_frequencies
from algorithms.split.clustering import ClusterProblem, form_clusters, pair_at_random
from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.settings import BitPerSecond, Part
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["ParallelSFL"]

_NEXT_BEST: Final = 0.7  # of a host's way in, which another client needs to take its turn


class ParallelSFL(Part):
    """Clustered split federated learning."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = False

    kind: str = "parallelsfl"
    trade_off: Annotated[float, Field(ge=0, le=1)] = 0.5  # lambda of the utility: 1 waiting alone, 0 labels alone
    max_iterations: PositiveInt = 20  # tau_max, those of the fastest cluster
    bottom_rate_bit_per_s: BitPerSecond = 4e5  # b, what one bottom takes of its host's way in, at most; our choice
    clusters: Literal["utility", "random"] = "utility"  # by Algorithm 1, or dealt by chance
    only_closer: bool = False  # whether a bottom joins a cluster only if it brings its labels closer to everybody's
    paces: Literal["own", "equal"] = "own"  # iterations of a cluster by Eq. 17, or as many for all
    random_bottoms: PositiveInt = 4  # bottoms of a cluster that is dealt by chance
    rotates: bool = False  # whether hosts change from round to round

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        batches = fed.batch_sizes
        times = fed.planned_times(int(batches.max()), self.bottom_rate_bit_per_s)
        hosts: tuple[int, ...] = ()
        clusters: list[Cluster] = []
        while fed.serves:
            if self.rotates or not clusters:
                rates = _without_recent(fed.rates_bit_per_s, hosts) if self.rotates else fed.rates_bit_per_s
                problem = ClusterProblem(times, fed.shares, rates, self.trade_off, self.only_closer)
                clusters = self._form(fed, problem)
                hosts = tuple(cluster.host for cluster in clusters)
            paces = local_frequencies(
                [times.iteration_s(cluster) for cluster in clusters],
                [float(times.model_s[cluster.host]) for cluster in clusters],
                self.max_iterations,
            )
            if self.paces == "equal":
                paces = (self.max_iterations,) * len(clusters)
            tasks = [
                Task(
                    clients=cluster.bottoms,
                    num_iterations=pace,
                    batch_sizes=tuple(batches[list(cluster.bottoms)].tolist()),
                    host=cluster.host,
                )
                for cluster, pace in zip(clusters, paces, strict=True)
            ]
            works = yield from fed.run_round(tasks)
            shares = np.array([len(cluster.bottoms) * pace for cluster, pace in zip(clusters, paces, strict=True)])
            fed.mix(works, shares / shares.sum())

    def _form(self, fed: Split, problem: ClusterProblem) -> list[Cluster]:
        rng = fed.simulation.stream(Purpose.GROUPING, fed.server.version)
        if self.clusters == "random":
            return pair_at_random(problem, self.random_bottoms, rng)
        return form_clusters(problem, max(1, round(fed.num_clients / 5)), rng)


def _without_recent(rates: FloatArray, hosts: tuple[int, ...]) -> FloatArray:
    """Return the rates by which hosts are chosen: those of the last round stand behind whoever has 70 % of theirs."""
    ranked = rates.copy()
    ranked[list(hosts)] *= _NEXT_BEST
    return ranked
