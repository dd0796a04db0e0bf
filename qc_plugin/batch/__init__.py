"""Many assets: what to do, doing it in workers, and one visible result each."""

from qc_plugin.batch.run import AssetOutcome, ScanResult, check, scan

__all__ = ["AssetOutcome", "ScanResult", "check", "scan"]
