"""The command line: a thin skin over `testbed.experiments` and `testbed.views`, one file for a verb or two.

`application` has the verbs in the order of the help, and turns errors into exit codes: 0 done, 1 the run failed, 2 the
request was wrong, 130 interrupted; bad input never prints a traceback. `options` has what verbs share, `request` what
was asked for, `output` and `files` what is answered. Everything heavy is imported inside the verb that needs it, so
that `testbed --help` answers at once.
"""

from testbed.cli.application import app, main
from testbed.cli.options import DEFAULT_SCENARIO

__all__ = ["DEFAULT_SCENARIO", "app", "main"]
