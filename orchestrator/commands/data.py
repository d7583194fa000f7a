"""The table of the commands below `data`: they look at images, fetch them, or clear away what was kept."""

import typer

from orchestrator.commands.data_cache import cache_command
from orchestrator.commands.data_check import check_command
from orchestrator.commands.data_demo import demo_command
from orchestrator.commands.data_equalise import equalise_command
from orchestrator.commands.data_fetch import fetch_command
from orchestrator.commands.data_prepare import prepare_command
from orchestrator.commands.data_report import data_report_command
from orchestrator.commands.data_scan import scan_command

data_app = typer.Typer(help="Look at images, fetch them, or draw a small made-up set.", no_args_is_help=True)
data_app.command("fetch")(fetch_command)
data_app.command("cache")(cache_command)
data_app.command("report")(data_report_command)
data_app.command("equalise")(equalise_command)
data_app.command("prepare")(prepare_command)
data_app.command("check")(check_command)
data_app.command("scan")(scan_command)
data_app.command("demo")(demo_command)
