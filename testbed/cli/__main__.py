"""`python -m testbed.cli`: the command, where its script is not on the path."""

from testbed.cli.application import main

if __name__ == "__main__":  # a process that a sweep starts imports this file again, under another name
    main()
