"""Measures the built site as readers meet it: Lighthouse and axe on every page, against the budgets of the project."""
