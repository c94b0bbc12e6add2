"""The coarse stage: what a conformer is deblurred from."""
