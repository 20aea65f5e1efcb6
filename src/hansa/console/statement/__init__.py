"""A settlement statement on paper: HTML to print, and PDF."""
