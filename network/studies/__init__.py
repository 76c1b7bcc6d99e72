"""Many runs, several seeds: what a study file says, what of it is done, and doing the rest."""

from network.studies.study import Study, run

__all__ = ["Study", "run"]
