"""`python -m qc_plugin`."""

from qc_plugin.cli import main

main()
