"""arctl: submit, watch and compare video experiments on a Slurm cluster, from one terminal."""

__version__ = "0.1.0"
