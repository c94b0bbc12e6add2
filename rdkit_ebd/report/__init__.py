"""What happened, and why? The report of an embedding, and the causes of failure with what can be done about each."""

from __future__ import annotations

from rdkit_ebd.report.embed_report import CAUSES, EmbedReport, causes_in_words
from rdkit_ebd.report.failure_causes import FailureCause, advice_on

__all__ = ["CAUSES", "EmbedReport", "FailureCause", "advice_on", "causes_in_words"]
