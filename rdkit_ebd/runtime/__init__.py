"""The machine: files written whole, threads, cores, processes, deadlines. Imports nothing of the package."""
