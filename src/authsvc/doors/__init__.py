"""The doors: each turns bytes into a call and its outcome into bytes, and decides nothing else."""
