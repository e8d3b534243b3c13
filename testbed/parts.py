"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS"]

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "availability": {
        "always": ("testbed.devices.availability:AlwaysAvailable", "everybody, all the time"),
        "bernoulli-blocks": (
            "testbed.devices.availability:BernoulliBlocks",
            "each device is there in each block with one probability, independently",
        ),
    },
    "dataset": {
        "digits": ("testbed.learning.datasets.digits:DigitsDataset", "1797 images 8x8 of scikit-learn, always at hand"),
        "fashion-mnist": ("testbed.learning.datasets.idx:FashionMnistDataset", "70,000 clothes 28x28, from the data folder"),
        "mnist": ("testbed.learning.datasets.idx:MnistDataset", "70,000 digits 28x28, from the data folder"),
    },
    "device": {
        "custom": ("testbed.devices.profiles:DeviceProfile", "every field stated in the scenario"),
        "cpu-ryzen-7-5800x": ("testbed.devices.profiles:DeviceProfile", "292 GFLOP/s effective, 24 GB, 142 W"),
        "gpu-a100-sxm4-40gb": ("testbed.devices.profiles:DeviceProfile", "5848 GFLOP/s effective, 40 GB, 400 W"),
        "gpu-h100-sxm5-80gb": ("testbed.devices.profiles:DeviceProfile", "20072 GFLOP/s effective, 80 GB, 700 W"),
        "gpu-v100-sxm2-16gb": ("testbed.devices.profiles:DeviceProfile", "4700 GFLOP/s effective, 16 GB, 300 W"),
        "jetson-agx-orin-15w": ("testbed.devices.profiles:DeviceProfile", "194 GFLOP/s effective, 56 GB, 15 W"),
        "jetson-agx-orin-30w": ("testbed.devices.profiles:DeviceProfile", "383 GFLOP/s effective, 56 GB, 30 W"),
        "jetson-agx-orin-50w": ("testbed.devices.profiles:DeviceProfile", "1017 GFLOP/s effective, 56 GB, 50 W"),
        "jetson-agx-orin-maxn": ("testbed.devices.profiles:DeviceProfile", "1597 GFLOP/s effective, 56 GB, 60 W"),
        "jetson-agx-xavier-10w": ("testbed.devices.profiles:DeviceProfile", "80 GFLOP/s effective, 28 GB, 10 W"),
        "jetson-agx-xavier-15w": ("testbed.devices.profiles:DeviceProfile", "206 GFLOP/s effective, 28 GB, 15 W"),
        "jetson-agx-xavier-30w": ("testbed.devices.profiles:DeviceProfile", "276 GFLOP/s effective, 28 GB, 30 W"),
        "jetson-agx-xavier-maxn": ("testbed.devices.profiles:DeviceProfile", "423 GFLOP/s effective, 28 GB, 40 W"),
        "jetson-tx2-max-n": ("testbed.devices.profiles:DeviceProfile", "200 GFLOP/s effective, 6 GB, 15 W"),
        "jetson-tx2-max-p": ("testbed.devices.profiles:DeviceProfile", "172 GFLOP/s effective, 6 GB, 15 W"),
        "jetson-tx2-max-q": ("testbed.devices.profiles:DeviceProfile", "131 GFLOP/s effective, 6 GB, 7.5 W"),
        "jetson-xavier-nx-10w": ("testbed.devices.profiles:DeviceProfile", "184 GFLOP/s effective, 6 GB, 10 W"),
        "jetson-xavier-nx-15w": ("testbed.devices.profiles:DeviceProfile", "253 GFLOP/s effective, 6 GB, 15 W"),
        "jetson-xavier-nx-20w": ("testbed.devices.profiles:DeviceProfile", "253 GFLOP/s effective, 6 GB, 20 W"),
        "phone-snapdragon-8-gen-2": ("testbed.devices.profiles:DeviceProfile", "627 GFLOP/s effective, 6 GB, 5 W"),
        "phone-snapdragon-845": ("testbed.devices.profiles:DeviceProfile", "218 GFLOP/s effective, 3 GB, 4 W"),
    },
    "kernel": {
        "serial": ("testbed.learning.kernels.serial:SerialKernel", "one job at a time: the reference"),
        "batched": ("testbed.learning.kernels.batched:BatchedKernel", "many clients' jobs in one call"),
        "none": ("testbed.learning.kernels.none:NoKernel", "trains nothing: the timeline of a dry run"),
    },
    "model": {
        "logistic-regression": ("testbed.learning.models.logistic_regression:LogisticRegression", "one linear layer"),
        "mlp": ("testbed.learning.models.mlp:Mlp", "linear layers with rectifiers between them"),
        "paper-cnn": ("testbed.learning.models.paper_cnn:PaperCnn", "Air-FedGA's CNN for 28x28 images"),
    },
    "partition": {
        "dirichlet": ("testbed.learning.partition:DirichletPartition", "class shares drawn from Dirichlet(alpha)"),
        "iid": ("testbed.learning.partition:IidPartition", "a random share of everything for everybody"),
        "pathological": ("testbed.learning.partition:PathologicalPartition", "a fixed number of classes per client"),
    },
    "placement": {"inline": ("testbed.learning.placement.inline:InlinePlacement", "in this process, in order")},
    "slowdown": {
        "none": ("testbed.devices.slowdown:NoSlowdown", "all devices equally fast"),
        "pareto": ("testbed.devices.slowdown:ParetoSlowdown", "heavy-tailed: Pareto(shape), capped"),
        "uniform": ("testbed.devices.slowdown:UniformSlowdown", "kappa ~ U[low, high], as in Air-FedGA"),
    },
    "world": {"federation": ("algorithms.worlds.federation:Federation", "a server, its clients, one radio cell")},
    "scenario": {
        "air-fedga": (
            "testbed.scenarios:air-fedga.toml",
            "40 clients, digits, Dirichlet 0.3, updates over the air: the default",
        ),
        "air-fedga-single-class": (
            "testbed.scenarios:air-fedga-single-class.toml",
            "the paper's setting scaled down: one class per client, models over the air",
        ),
        "air-fedga-stragglers": (
            "testbed.scenarios:air-fedga-stragglers.toml",
            "as the default, with Pareto(1.2) device speeds up to 30 times apart",
        ),
    },
}
