"""One self-contained HTML report of a run: for the plant engineer, the accountant and the auditor."""

from hansa.console.report.data import ReportData
from hansa.console.report.render import render

__all__ = ["ReportData", "render"]
