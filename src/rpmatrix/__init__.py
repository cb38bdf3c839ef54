"""The support matrix of Azure VM restore points as data, and verdicts on real VMs."""

from rpmatrix.eligibility import Assessment, Verdict, assess
from rpmatrix.inventory import Inventory, read_inventory
from rpmatrix.matrix import Matrix, load_matrix

__all__ = [
    "Assessment",
    "Inventory",
    "Matrix",
    "Verdict",
    "assess",
    "load_matrix",
    "read_inventory",
]
