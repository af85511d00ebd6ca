"""Getting spectra, catalogues and grids from their public archives: ``python -m model fetch SURVEY``."""
