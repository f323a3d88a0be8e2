"""Compiled kernels of the price graphs: `tiles` multiplies small blocks in registers, `windows` keeps ranks, `sweeps` walks the triangle."""
