"""Figures: ``svg`` draws without JavaScript, ``charts`` holds our plots, ``interactive`` Plotly's."""
