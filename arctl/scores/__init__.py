"""The scores that a trainer stored: read safely, chosen, reduced to one answer for each sample, and to figures."""
