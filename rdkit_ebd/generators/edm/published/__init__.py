"""The published EDM, exactly: network, process, sampler, likelihood (Hoogeboom et al., ICML 2022)."""
