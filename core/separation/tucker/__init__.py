"""The paper's method: a nonnegative Tucker decomposition of the magnitude cube, and soft masks."""
