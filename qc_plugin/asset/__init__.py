"""One asset: identified, checked, its report and pictures put into place, its outcome told."""
