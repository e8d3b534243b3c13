"""What `testbed reproduce` runs for papers on graphs: one package a paper, one module a section."""
