"""How do whole molecules come out of noise? The verbs about models that draw molecules, in RDKit's words."""
