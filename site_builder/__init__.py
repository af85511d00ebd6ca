"""Everything that renders: the results contract, figures, pages, checks, publishing."""
