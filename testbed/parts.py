"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {
    "availability": "testbed.devices.availability:Availability",
    "dataset": "testbed.learning.datasets.dataset:DatasetSource",
    "kernel": "testbed.learning.kernels.protocol:Kernel",
    "model": "testbed.learning.models.architecture:Architecture",
    "partition": "testbed.learning.partition.rule:Partition",
    "placement": "testbed.learning.jobs:Placement",
    "slowdown": "testbed.devices.slowdown:Slowdown",
    "tokenizer": "testbed.learning.tokenizers.tokenizer:Tokenizer",
    "tracker": "testbed.experiments.tracking:Tracker",
}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "availability": {
        "always": (
            "testbed.devices.availability:AlwaysAvailable",
            "everybody is there all the time (limit case)",
        ),
        "bernoulli-blocks": (
            "testbed.devices.availability:BernoulliBlocks",
            "there in each block of time with one probability, independently (our choice)",
        ),
        "trace": (
            "testbed.devices.availability_trace:TraceAvailability",
            "absences or presences from a table, or user states of FLASH (Yang et al. 2021)",
        ),
    },
    "dataset": {
        "cifar10": (
            "testbed.learning.datasets.cifar10:Cifar10Dataset",
            "32x32 colour photographs, 50,000/9,827, from the data folder (Krizhevsky 2009)",
        ),
        "digits": (
            "testbed.learning.datasets.digits:DigitsDataset",
            "8x8 digits of scikit-learn, 1437/360, always available",
        ),
        "fashion-mnist": (
            "testbed.learning.datasets.idx:FashionMnistDataset",
            "28x28 clothing, 60,000/10,000, from the data folder (Xiao et al. 2017)",
        ),
        "mnist": (
            "testbed.learning.datasets.idx:MnistDataset",
            "28x28 digits, 60,000/10,000, from the data folder (LeCun et al.)",
        ),
        "pydoc-topics": (
            "testbed.learning.datasets.pydoc_topics:PydocTopicsDataset",
            "English text: the help topics of Python, 460,000 characters, always available",
        ),
        "tiny-shakespeare": (
            "testbed.learning.datasets.tiny_shakespeare:TinyShakespeareDataset",
            "English text: plays, 1,115,394 characters, from the data folder (Karpathy 2015)",
        ),
    },
    "device": {
        "cpu-ryzen-7-5800x": (
            "testbed.devices.profiles:DeviceProfile",
            "a desktop CPU, 8 cores with AVX2: 292 GFLOP/s effective (AMD specifications)",
        ),
        "custom": (
            "testbed.devices.profiles:DeviceProfile",
            "a device whose every field the scenario states",
        ),
        "gpu-a100-sxm4-40gb": (
            "testbed.devices.profiles:DeviceProfile",
            "NVIDIA A100 SXM4: 5.8 TFLOP/s effective in FP32 (NVIDIA data sheet)",
        ),
        "gpu-h100-sxm5-80gb": (
            "testbed.devices.profiles:DeviceProfile",
            "NVIDIA H100 SXM5: 20 TFLOP/s effective in FP32 (NVIDIA data sheet)",
        ),
        "gpu-v100-sxm2-16gb": (
            "testbed.devices.profiles:DeviceProfile",
            "NVIDIA V100 SXM2: 4.7 TFLOP/s effective in FP32 (NVIDIA data sheet)",
        ),
        "jetson-agx-orin-15w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Orin 64 GB, 15 W mode: 194 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-orin-30w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Orin 64 GB, 30 W mode: 383 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-orin-50w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Orin 64 GB, 50 W mode: 1.0 TFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-orin-maxn": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Orin 64 GB, MAXN: 1.6 TFLOP/s effective, 60 W (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-xavier-10w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Xavier, 10 W mode, half its cores: 80 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-xavier-15w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Xavier, 15 W mode: 206 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-xavier-30w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Xavier, 30 W mode: 276 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-agx-xavier-maxn": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson AGX Xavier, MAXN: 423 GFLOP/s effective, 40 W (NVIDIA nvpmodel table)",
        ),
        "jetson-tx2-max-n": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson TX2, Max-N: 200 GFLOP/s effective, 15 W (NVIDIA nvpmodel table)",
        ),
        "jetson-tx2-max-p": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson TX2, Max-P: 172 GFLOP/s effective, 15 W (NVIDIA nvpmodel table)",
        ),
        "jetson-tx2-max-q": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson TX2, Max-Q: 131 GFLOP/s effective, 7.5 W (NVIDIA nvpmodel table)",
        ),
        "jetson-xavier-nx-10w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson Xavier NX, 10 W mode: 184 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-xavier-nx-15w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson Xavier NX, 15 W mode: 253 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "jetson-xavier-nx-20w": (
            "testbed.devices.profiles:DeviceProfile",
            "Jetson Xavier NX, 20 W mode: 253 GFLOP/s effective (NVIDIA nvpmodel table)",
        ),
        "phone-snapdragon-8-gen-2": (
            "testbed.devices.profiles:DeviceProfile",
            "a fast phone, Adreno 740 GPU: 627 GFLOP/s effective (public specifications)",
        ),
        "phone-snapdragon-845": (
            "testbed.devices.profiles:DeviceProfile",
            "an older phone, Adreno 630 GPU: 218 GFLOP/s effective (public specifications)",
        ),
    },
    "kernel": {
        "batched": (
            "testbed.learning.kernels.batched:BatchedKernel",
            "many clients' jobs in one call",
        ),
        "none": (
            "testbed.learning.kernels.none:NoKernel",
            "trains nothing: the timeline of a dry run",
        ),
        "serial": (
            "testbed.learning.kernels.serial:SerialKernel",
            "one job at a time: the reference",
        ),
    },
    "model": {
        "gpt": (
            "testbed.learning.models.gpt:Gpt",
            "a decoder-only transformer for windows of tokens (Radford et al. 2019)",
        ),
        "logistic-regression": (
            "testbed.learning.models.logistic_regression:LogisticRegression",
            "one linear layer; convex",
        ),
        "mlp": (
            "testbed.learning.models.mlp:Mlp",
            "linear layers with ReLU; hidden = [512, 512] is Air-FedGA's LR",
        ),
        "paper-cnn": (
            "testbed.learning.models.paper_cnn:PaperCnn",
            "two 5x5 convolutions and a hidden layer (Air-FedGA's CNNs)",
        ),
        "small-cnn": (
            "testbed.learning.models.small_cnn:SmallCnn",
            "two 3x3 convolutions, pooling by four, one hidden layer, for images of 8x8 and more (our choice)",
        ),
    },
    "partition": {
        "contiguous": (
            "testbed.learning.partition.contiguous:ContiguousPartition",
            "one stretch of the data for everybody, in its own order (our choice)",
        ),
        "dirichlet": (
            "testbed.learning.partition.dirichlet:DirichletPartition",
            "each class split by Dirichlet(alpha) over clients (Yurochkin et al. 2019)",
        ),
        "iid": (
            "testbed.learning.partition.iid:IidPartition",
            "a random, equal share of all samples for everybody",
        ),
        "pathological": (
            "testbed.learning.partition.pathological:PathologicalPartition",
            "a fixed number of classes per client, in order (Air-FedGA)",
        ),
        "quantity-skew": (
            "testbed.learning.partition.quantity_skew:QuantitySkewPartition",
            "label mixes as in the whole, amounts of data log-normal (our choice)",
        ),
        "shards": (
            "testbed.learning.partition.shards:ShardsPartition",
            "label-sorted data cut into shards, so many to each at random (McMahan et al. 2017)",
        ),
        "stratified": (
            "testbed.learning.partition.stratified:StratifiedPartition",
            "a random, equal share with every class in proportion for everybody (our choice)",
        ),
    },
    "placement": {
        "auto": (
            "testbed.learning.placement.auto:AutoPlacement",
            "in this process until the run has proved long enough for worker processes",
        ),
        "inline": (
            "testbed.learning.placement.inline:InlinePlacement",
            "in this process, in order",
        ),
        "processes": (
            "testbed.learning.placement.processes:ProcessesPlacement",
            "in worker processes of this machine that share its data",
        ),
        "ray": (
            "testbed.learning.placement.on_ray:RayPlacement",
            "as tasks of a Ray cluster (needs the extra ray)",
        ),
    },
    "reproduction": {
        "air-fedga": (
            "testbed.reproductions.air_fedga:REPRODUCTION",
            "grouping asynchronous federated learning over the air (Ma et al., IPDPS 2025)",
        ),
        "caesar": (
            "testbed.reproductions.caesar:REPRODUCTION",
            "models compressed by staleness and updates by importance (Yan et al., 2024)",
        ),
        "cocodc": (
            "testbed.reproductions.cocodc:REPRODUCTION",
            "cross-region training with overlap, delay compensation and adaptive transmission (Zhu et al., 2025)",
        ),
        "fedgcf": (
            "testbed.reproductions.fedgcf:REPRODUCTION",
            "federated graph learning with fused structural and node models (Gao et al., 2024)",
        ),
        "parallelsfl": (
            "testbed.reproductions.parallelsfl:REPRODUCTION",
            "split federated learning in clusters that clients host (Liao et al., MobiCom 2024)",
        ),
    },
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
        "caesar": (
            "testbed.scenarios:caesar.toml",
            "40 devices with links of their own, digits, eight a round; Caesar and six other ways to compress",
        ),
        "cocodc": (
            "testbed.scenarios:cocodc.toml",
            "four regions over a WAN train a language model; CoCoDC, Streaming DiLoCo, DiLoCo, eager, DDP",
        ),
        "cocodc-backbone": (
            "testbed.scenarios:cocodc-backbone.toml",
            "as cocodc, on four nodes of a real backbone whose links are shared (data folder)",
        ),
        "cocodc-cities": (
            "testbed.scenarios:cocodc-cities.toml",
            "as cocodc, in four cities with measured round trips (data folder)",
        ),
        "cocodc-outage": (
            "testbed.scenarios:cocodc-outage.toml",
            "as cocodc, on links of measured variation, one of which fails for two minutes (data folder)",
        ),
        "fedgcf": (
            "testbed.scenarios:fedgcf.toml",
            "nine clients with graphs, unequal classes; FedGCF, GCFL, IFCA, FedStar, FedAvg, local training",
        ),
        "parallelsfl": (
            "testbed.scenarios:parallelsfl.toml",
            "twenty devices on links of their own train a model cut in two; ParallelSFL and its baselines",
        ),
    },
    "slowdown": {
        "listed": (
            "testbed.devices.slowdown:ListedSlowdown",
            "slower by factors stated device by device, repeated if there are fewer (our choice)",
        ),
        "none": (
            "testbed.devices.slowdown:NoSlowdown",
            "every device as fast as its profile (limit case)",
        ),
        "pareto": (
            "testbed.devices.slowdown:ParetoSlowdown",
            "slower by a heavy-tailed factor, a few stragglers: Pareto from 1, capped (our choice)",
        ),
        "uniform": (
            "testbed.devices.slowdown:UniformSlowdown",
            "slower by a factor uniform between two bounds (Air-FedGA 2025: U[1, 10])",
        ),
    },
    "tokenizer": {
        "bpe": (
            "testbed.learning.tokenizers.bpe:BpeTokenizer",
            "frequent runs of bytes, learnt from the training text (Sennrich et al. 2016)",
        ),
        "byte": (
            "testbed.learning.tokenizers.byte:ByteTokenizer",
            "one token a byte of UTF-8, 256 in all (Xue et al. 2022)",
        ),
        "char": (
            "testbed.learning.tokenizers.char:CharTokenizer",
            "one token a character of the training text, and one for all others (our choice)",
        ),
    },
    "world": {
        "federation": (
            "algorithms.worlds.federation:Federation",
            "a server, its clients, one radio cell",
        ),
        "regions": (
            "algorithms.worlds.regions:Regions",
            "replicas of a model in data centres, joined by a wide-area network",
        ),
        "split": (
            "algorithms.worlds.split:Split",
            "a model cut in two, its halves on devices and server, with links between all of them",
        ),
    },
    "tracker": {
        "tensorboard": (
            "testbed.experiments.tensorboard_tracker:TensorboardTracker",
            "an event file for TensorBoard",
        ),
    },
}
