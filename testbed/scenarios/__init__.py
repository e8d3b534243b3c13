"""Scenarios that ship with AirWAN, one TOML file each, runnable by name: `testbed run air-fedga`."""
