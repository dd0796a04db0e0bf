"""Cheap measures of previews and pictures, without a network: exposure, bars, combing, shots, motion."""
