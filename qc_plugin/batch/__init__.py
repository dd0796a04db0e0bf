"""Many assets: what to do, doing it in workers, and one visible result each."""

from qc_plugin.batch.run import ScanResult, check, scan
from qc_plugin.batch.work import AssetOutcome

__all__ = ["AssetOutcome", "ScanResult", "check", "scan"]
