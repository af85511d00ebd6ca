"""From synthetic to real stars: three strategies, cross-validated by star, on several bands (``model transfer``)."""
