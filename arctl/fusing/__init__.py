"""Late fusion: the stored scores of several runs combined into those of a run of its own (docs/fusing.md)."""

from arctl.fusing.fusion import Fusion, Part, Wanted, fuse
from arctl.fusing.judgement import FUSED, Judgement, judge, notes
from arctl.fusing.record import facts, record, titled

__all__ = ["FUSED", "Fusion", "Judgement", "Part", "Wanted", "facts", "fuse", "judge", "notes", "record", "titled"]
