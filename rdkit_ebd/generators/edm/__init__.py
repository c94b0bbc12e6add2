"""How are whole molecules drawn from noise? The process of EDM (Hoogeboom et al., ICML 2022) and networks for it."""
