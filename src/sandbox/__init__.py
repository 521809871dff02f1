"""Runs Python that a model wrote, and judges it by hidden tests that it cannot see, reach or answer for."""
