"""The arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated, Final

import typer

__all__ = [
    "DEFAULT_ROOT",
    "DEFAULT_SCENARIO",
    "CurvesOption",
    "DataOption",
    "DeviceOption",
    "HeatmapOption",
    "JobsOption",
    "JsonOption",
    "KernelOption",
    "OutOption",
    "PlacementOption",
    "RuleOption",
    "ScenarioArgument",
    "SetOption",
    "StoreOption",
    "TrackOption",
    "WorkersOption",
]

DEFAULT_ROOT: Final = Path("runs")
DEFAULT_SCENARIO: Final = "air-fedga"

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped name or a TOML file.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to save.")]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder with data sets.")]
KernelOption = Annotated[str | None, typer.Option("--kernel", metavar="K", help="Arithmetic of training jobs.")]
DeviceOption = Annotated[str | None, typer.Option("--device", metavar="D", help="What computes them: cpu or cuda.")]
PlacementOption = Annotated[str | None, typer.Option("--placement", metavar="P", help="Where they are computed.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, metavar="N", help="Workers of the placement.")]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Keep and reuse training results.")]
JobsOption = Annotated[int, typer.Option("--jobs", min=1, metavar="N", help="Processes that run side by side.")]
TrackOption = Annotated[str | None, typer.Option("--track", metavar="TOOL", help="Also write curves for this tool.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
CurvesOption = Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the curves.")]
HeatmapOption = Annotated[Path | None, typer.Option("--heatmap", metavar="FILE", help="Draw two --vary as a map.")]
RuleOption = Annotated[str, typer.Option("--target-rule", metavar="RULE", help="first, smoothed or stable.")]
