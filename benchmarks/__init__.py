"""Figures, side by side with peers, in one run: ``make bench``, or ``make bench ARGS="operations"``."""
