"""What command-line scripts share."""

from network.cli.faults import reports_faults

__all__ = ["reports_faults"]
