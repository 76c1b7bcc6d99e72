"""What command-line scripts share."""

from network.cli.arguments import ScriptParser
from network.cli.faults import reports_faults

__all__ = ["ScriptParser", "reports_faults"]
