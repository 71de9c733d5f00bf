"""The whole way of a newcomer on real parts: a real factory, a real Slurm, a real browser; no part is imitated."""
