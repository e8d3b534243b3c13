"""Bandwidth from a file: what somebody measured, replayed on a link."""

import io
import math
import zipfile
from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import PositiveFloat, model_validator

from channels.wan.bandwidth import LinkNature, Steps
from channels.wan.data_folder import DataFolder
from channels.wan.trace_formats import Format, Trace, read_log
from testbed.errors import RequestError, unknown_name
from testbed.settings import Part, Seconds

__all__ = ["TraceBandwidth"]


class TraceBandwidth(Part):
    """The rates in a file in place of the link's capacity; draws nothing unless `start` is random.

    `path` names a file in the data folder or else in the current one, such as `mobile_bandwidth/lte_4g.zip`; of a zip
    file `member` says which log. Files are hashed into the sources of the run.

    Where the trace ends before the run, `at_end` decides: it starts again, its last rate holds, or the run is refused.
    Planning expects the mean of the trace.
    """

    kind: str = "trace"
    path: str  # of the file
    member: str | None = None  # of a zip file: which log in it
    format: Format | None = None  # none: csv, durations (.json), chunks (in oboe_sessions.zip) or else mbit
    scale: PositiveFloat = 1.0  # factor on all rates
    to_capacity: bool = False  # first scale the rates so that their mean is the link's capacity
    at_end: Literal["repeat", "hold", "refuse"]  # what happens where the trace ends before the run
    start: Literal["offset", "random"] = "offset"  # where in the trace a link begins: all alike, or each at random
    offset_s: Seconds = 0.0  # how far into the trace the run begins

    @model_validator(mode="after")
    def _check_member(self) -> Self:
        if self.path.endswith(".zip") != (self.member is not None):
            raise ValueError("member names the log in a .zip file, and is needed with one")
        if self.start == "random" and (self.at_end != "repeat" or self.offset_s > 0):
            raise ValueError('start = "random" needs at_end = "repeat" and no offset_s')
        return self

    def trace(self, files: DataFolder) -> Trace:
        """Return what the file says.

        Raises
        ------
        RequestError : no such file or member, or not the format.
        """
        content = files.read(self.path)
        where = self.path if self.member is None else f"{self.path}, {self.member}"
        try:
            if self.member is not None:
                content = self._unpacked(content, self.member)
            return read_log(content.decode("utf-8-sig"), self._format)
        except RequestError:
            raise
        except (ValueError, zipfile.BadZipFile) as error:
            raise RequestError(f"{where}: {error}") from None

    def _unpacked(self, content: bytes, member: str) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if member not in packed.namelist():
                known = [name for name in packed.namelist() if not name.endswith("/")]
                error = unknown_name("log", member, known)
                # A zip file holds hundreds: the nearest ones will do.
                raise RequestError(f"{self.path}: {str(error).split('known:')[0]}{len(known)} logs are there")
            return packed.read(member)

    @property
    def _format(self) -> Format:
        if self.format is not None:
            return self.format
        name = PurePosixPath(self.member or self.path)
        by_ending: dict[str, Format] = {".csv": "csv", ".json": "durations"}
        return by_ending.get(name.suffix, "chunks" if "oboe_sessions" in self.path else "mbit")

    def course(self, link: LinkNature) -> Steps:
        """Return the course of one link.

        Raises
        ------
        RequestError : a file that is missing or damaged, or a trace that ends too early.
        """
        trace = self.trace(link.files)
        if self.at_end == "refuse" and trace.length_s < self.offset_s + link.horizon_s:
            needed_s = self.offset_s + link.horizon_s
            needs = "has no end in time" if math.isinf(needed_s) else f"needs {needed_s:g} s"
            raise RequestError(
                f"the trace {self.member or self.path} lasts {trace.length_s:g} s, the run {needs}: shorten the run, "
                'or go on with at_end = "repeat" or "hold"'
            )
        factor = self.scale
        if self.to_capacity:
            factor *= link.capacity_bit_per_s / trace.mean_bit_per_s
        offset_s = self.offset_s
        if self.start == "random":
            offset_s = float(link.stream(0).random()) * trace.length_s
        return Steps(
            list(trace.starts_s),
            [factor * rate for rate in trace.rates_bit_per_s],
            nominal_bit_per_s=factor * trace.mean_bit_per_s,
            length_s=trace.length_s if self.at_end == "repeat" else math.inf,
            offset_s=offset_s,
        )
