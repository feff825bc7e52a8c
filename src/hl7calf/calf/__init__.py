"""The leg: what an order asks, and whether it is raised to the complete study. Pure; no sockets, no disk."""
