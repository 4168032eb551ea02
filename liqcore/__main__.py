"""`python -m liqcore` is `heatlab`."""

from liqcore.cli import main

main()
