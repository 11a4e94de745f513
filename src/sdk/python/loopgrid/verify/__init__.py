"""Verification without the server, without a network, in Python alone.

    from loopgrid.verify import verify_evidence

    verdict = verify_evidence(grid.decisions.evidence(decision_id), keys=[my_copy_of_the_public_key])
    assert verdict.is_verified, verdict
"""

from ._commitment import verify_commitment
from ._evidence import verify_evidence
from ._export import verify_export
from ._receipt import verify_receipt
from ._verdict import Finding, Verdict

__all__ = [
    "Finding",
    "Verdict",
    "verify_commitment",
    "verify_evidence",
    "verify_export",
    "verify_receipt",
]
