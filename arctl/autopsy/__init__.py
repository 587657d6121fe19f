"""Why a run ended: `case_of` gathers what was left behind, `diagnose` is a pure function over that."""

from __future__ import annotations

from arctl.autopsy.diagnosis import Case, Cause, Diagnosis, Evidence, Remedy
from arctl.autopsy.evidence import case_of
from arctl.autopsy.rules import diagnose, one_line

__all__ = ["Case", "Cause", "Diagnosis", "Evidence", "Remedy", "case_of", "diagnose", "one_line"]
