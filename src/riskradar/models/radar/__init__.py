"""The flagship: node forecasts, and a system score of a fixed anchor and a gated graph correction."""
