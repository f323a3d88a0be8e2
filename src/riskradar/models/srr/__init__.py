"""The paper's full architecture (sections 4-6): encoders on many layers, their fusion, a temporal encoder, heads for many targets."""
