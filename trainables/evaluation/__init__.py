"""Metrics, calibration and thresholds of scores."""
