"""Many assets: what to do, doing it in workers, and one visible result each."""

from qc_plugin.asset.outcome import AssetOutcome
from qc_plugin.batch.run import ScanResult, check, scan

__all__ = ["AssetOutcome", "ScanResult", "check", "scan"]
