"""The command line. One file per command, each light to import; this one lists them and turns errors into exit codes.

Exit codes: 0 all went well; 1 some of several inputs failed; 2 nothing could be done; 130 stopped, by
Ctrl-C or SIGTERM.
"""

import importlib
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import ScrfdError

# Command -> "module:function" (or a group of commands, "module:app") in this folder, and the extra that it needs.
_COMMANDS: dict[str, tuple[str, str | None]] = {
    "detect": ("detect:detect", None),
    "models": ("models:app", None),
    "bench": ("bench:bench", None),
    "doctor": ("doctor:doctor", None),
    "eval": ("eval:evaluate", "train"),
    "convert": ("convert:convert", "convert"),
    "train": ("train:train", "train"),
    "mean": ("mean:mean", "train"),
    "balance": ("balance:balance", "train"),
    "search": ("search:app", "search"),
}


class _Group(TyperGroup):
    """Prints what is wrong in one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ScrfdError as error:
            _say(str(error))
            raise typer.Exit(2) from None
        except ModuleNotFoundError as error:
            _, extra = _COMMANDS.get(ctx.invoked_subcommand, ("", None))
            if extra is None or (error.name or "").startswith("scrfd_edge."):
                raise
            _say(f"this command needs {error.name}: pip install 'scrfd-edge[{extra}]'")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _say("stopped")
            raise typer.Exit(130) from None


def _say(text: str) -> None:
    print(f"scrfd-edge: {text}", file=sys.stderr)


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        print(f"scrfd-edge {__version__}")
        raise typer.Exit


def _callback(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Face detection with SCRFD: find faces, and everything around the models."""


def make_app() -> typer.Typer:
    """The command with all its subcommands."""
    app = typer.Typer(cls=_Group, callback=_callback, no_args_is_help=True, pretty_exceptions_enable=False)
    for name, (where, _) in _COMMANDS.items():
        module, _, attribute = where.partition(":")
        command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Entry point of `scrfd-edge`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is half done is cleaned up
    try:
        make_app()()
    except KeyboardInterrupt:  # before a command runs: imports take a moment
        _say("stopped")
        sys.exit(130)
