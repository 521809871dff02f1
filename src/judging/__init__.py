"""Preferences: a judge says which of two answers to a prompt is better. Knows nothing of torch or MLflow."""
