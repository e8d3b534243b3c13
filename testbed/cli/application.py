"""The application: its verbs in the order of the help, and the one place where errors become exit codes."""

import sys
import warnings
from typing import Final, NoReturn

import typer

from testbed.cli.compare import compare, resume
from testbed.cli.doctor import doctor
from testbed.cli.drawings import report, timeline
from testbed.cli.listing import list_
from testbed.cli.output import complain
from testbed.cli.reproduce import reproduce
from testbed.cli.run import run
from testbed.cli.saved_runs import ls, show
from testbed.cli.scenario_files import new, validate
from testbed.errors import RequestError, RunFailure

__all__ = ["app", "main"]

INTERRUPTED: Final = 130
USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[1]  # the base of all usage errors; not exported

app = typer.Typer(
    help="AirWAN: a wireless and network emulation testbed for distributed learning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (run, compare, resume, list_, new, validate, ls, show, timeline, report, reproduce, doctor):
    app.command(name=verb.__name__.rstrip("_"))(verb)


def main() -> NoReturn:
    """Run the command line: the only place where errors become messages and exit codes."""
    warnings.formatwarning = lambda message, *_, **__: f"testbed: {message}\n"
    try:
        # Without standalone mode typer returns the code of an early exit, 130 for an interruption.
        returned = app(standalone_mode=False)
        code = returned if isinstance(returned, int) else 0
    except USAGE_ERROR as error:
        code = complain(f"{error}; see testbed --help", 2)
    except RequestError as error:
        code = complain(error, 2)
    except RunFailure as error:
        code = complain(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    if code == INTERRUPTED:
        complain("interrupted; what was not finished left nothing behind", code)
    sys.exit(code)
