"""Compiled messages along edges, forward and backward: nothing is stored for an edge, its attention is computed again on the way back."""
