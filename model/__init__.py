"""Everything that computes: data, simulator, networks, training, evaluation, export."""
