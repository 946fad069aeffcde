"""The flags of `run.py`, and the requests that they make.

Standard library only, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from commands.requests import (
    LOOP,
    CheckStack,
    CommandLine,
    CompareTrainings,
    InspectSource,
    Promote,
    RegisterStack,
    Request,
    Retrain,
    RollBack,
    RunLoop,
    ShowDatasets,
    Watch,
)

USAGE_EXIT_CODE = 2

# Columns are called A to Z.
_FEWEST_COMPARED, _MOST_COMPARED = 2, 26

_EXAMPLES = """\
examples:
  python run.py --inspect DIR                   see what an ingest would make of a folder
  python run.py --ingest                        tile a dataset and send it to Label Studio
  python run.py --export --promote staging      turn what people reviewed into a dataset
  python run.py --training --local              train on this machine
  python run.py --promote production -i -f      use the new detector: predict, then look
  python run.py --compare 3 4                   set the trainings of two versions side by side
  python run.py -ig --set source.kind=voc --set source.path=DIR --set tiling.tile_size=640
"""


class _Parser(argparse.ArgumentParser):
    """A parser that, for a misspelt flag, names the one that was probably meant."""

    def error(self, message: str) -> NoReturn:
        _, is_unknown, flags = message.partition("unrecognized arguments: ")
        known = [flag for action in self._actions for flag in action.option_strings]
        nearest = get_close_matches(flags.split(" ")[0], known, n=1) if is_unknown else []
        hint = f" (did you mean {nearest[0]}?)" if nearest else ""
        self.exit(USAGE_EXIT_CODE, f"run.py: {message}{hint}\nSee: python run.py --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `run.py`."""
    parser = _Parser(
        prog="run.py",
        description="Find small objects in giant images, with people in the loop.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    loop = parser.add_argument_group("the loop", "several flags in one call run in this order")
    for command in LOOP:
        loop.add_argument(
            f"-{command.short}",
            f"--{command.name}",
            action="append_const",
            dest="commands",
            const=command.name,
            help=f"{command.help} (configs/{command.remote_config or command.config}.yaml)",
        )
    _add_inspection(parser.add_argument_group("before the loop"))
    _add_stages(parser.add_argument_group("stages"))
    _add_datasets(parser.add_argument_group("labels"))
    _add_experiments(parser.add_argument_group("experiments"))
    _add_retraining(parser.add_argument_group("retraining"))
    _add_stacks(parser.add_argument_group("stacks"))
    _add_options(parser.add_argument_group("options"))
    return parser


def _add_inspection(inspection: argparse._ArgumentGroup) -> None:
    inspection.add_argument(
        "--inspect",
        metavar="PATH",
        help="show what an ingest would make of a source, without writing anything to a store: "
        "its scenes, labels, groups and places, and all that would be set aside and why; its kind "
        "is found in its files, or given by --set source.kind=KIND",
    )
    inspection.add_argument(
        "--json", type=Path, metavar="FILE", help="with --inspect: write everything found as JSON"
    )


def _add_stages(stages: argparse._ArgumentGroup) -> None:
    stages.add_argument(
        "--promote",
        choices=["staging", "production"],
        help="move a model version: the latest into staging, or staging's into production, "
        "where it must be better than what is there (configs/promotion.yaml)",
    )
    stages.add_argument(
        "--force", action="store_true", help="promote to production without comparing"
    )
    stages.add_argument("--reason", metavar="TEXT", help="why, to be recorded; goes with --force")
    stages.add_argument(
        "--rollback", action="store_true", help="bring back what was in production before"
    )


def _add_datasets(labels: argparse._ArgumentGroup) -> None:
    labels.add_argument(
        "--datasets",
        nargs="*",
        metavar="VERSION",
        help="list the versions of the labelled dataset, show one, or compare two; each by "
        "number, tag, or query such as 'reviewed>=100, tag=gold'",
    )
    labels.add_argument("--tag", metavar="NAME", help="with --datasets VERSION: tag that version")


def _add_experiments(experiments: argparse._ArgumentGroup) -> None:
    experiments.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="show trainings side by side: runs by name, id or the beginning of one, or "
        "versions of the model by number or stage",
    )


def _add_retraining(retraining: argparse._ArgumentGroup) -> None:
    retraining.add_argument(
        "--retrain-if-due",
        action="store_true",
        help="export, train and promote if enough was reviewed (configs/retrain.yaml)",
    )
    retraining.add_argument(
        "--watch",
        action="store_true",
        help="a service that retrains whenever it is due, until Ctrl-C or SIGTERM",
    )


def _add_stacks(stacks: argparse._ArgumentGroup) -> None:
    stacks.add_argument("--stack", metavar="NAME", help="the stack to run on, for this run only")
    stacks.add_argument(
        "-l", "--local", action="store_true", help="train on this machine (--stack local)"
    )
    stacks.add_argument(
        "--register-stack",
        type=Path,
        metavar="FILE",
        help="register what is missing of a stack; change what differs only with --yes",
    )
    stacks.add_argument(
        "--check-stack",
        metavar="NAME",
        help="try every part of a stack, by name or file, and say how to mend what fails",
    )


def _add_options(options: argparse._ArgumentGroup) -> None:
    options.add_argument("-h", "--help", action="help", help="show this message")
    options.add_argument(
        "--config", type=Path, metavar="FILE", help="another configuration than the pipeline's own"
    )
    options.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one parameter, as in tiling.tile_size=640 (repeatable)",
    )
    options.add_argument(
        "--resume", action="store_true", help="go on with a training that was cut off"
    )
    options.add_argument("-y", "--yes", action="store_true", help="answer every question with yes")
    options.add_argument(
        "-v", "--verbose", action="store_true", help="show tracebacks and everything ZenML says"
    )


def parse_arguments(arguments: list[str]) -> CommandLine:
    """Parse the command line; wrong usage ends the process with exit code 2."""
    parser = build_parser()
    if not arguments:
        parser.print_help()
        parser.exit(USAGE_EXIT_CODE)
    parsed = parser.parse_args(arguments)
    chosen = set(parsed.commands or [])
    parsed.commands = [command for command in LOOP if command.name in chosen]
    _check_combination(parser, parsed)
    # No namespace leaves this module: every command has a type of its own.
    return CommandLine(tuple(_requests(parsed)), verbose=parsed.verbose)


def _requests(parsed: argparse.Namespace) -> Iterator[Request]:
    """Yield the commands of a checked namespace, in the order in which they run."""
    overrides = tuple(parsed.overrides)
    if parsed.inspect:
        yield InspectSource(parsed.inspect, overrides, parsed.json)
        return
    if parsed.register_stack:
        yield RegisterStack(parsed.register_stack, parsed.yes)
    if parsed.check_stack:
        yield CheckStack(parsed.check_stack, parsed.config)
    if parsed.rollback:
        yield RollBack(parsed.config)
    if parsed.datasets is not None:
        yield ShowDatasets(tuple(parsed.datasets), parsed.tag)
    if parsed.compare:
        yield CompareTrainings(tuple(parsed.compare), parsed.config)
    if parsed.commands or parsed.promote:
        yield _loop(parsed)
    retrain = Retrain(parsed.config, overrides, parsed.yes)
    if parsed.watch:
        yield Watch(retrain)
    elif parsed.retrain_if_due:
        yield retrain


def _loop(parsed: argparse.Namespace) -> RunLoop:
    promote = Promote(parsed.promote, parsed.reason, parsed.yes) if parsed.promote else None
    return RunLoop(
        commands=tuple(parsed.commands),
        promote=promote,
        config=parsed.config,
        overrides=tuple(parsed.overrides),
        stack=parsed.stack,
        local=parsed.local,
        resume=parsed.resume,
        yes=parsed.yes,
    )


def _check_combination(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    names = [command.name for command in parsed.commands]
    alone = (
        "inspect",
        "rollback",
        "register_stack",
        "check_stack",
        "compare",
        "watch",
        "retrain_if_due",
    )
    # An empty list is a request too: all versions.
    is_alone = parsed.datasets is not None or any(getattr(parsed, flag) for flag in alone)
    if parsed.tag and parsed.datasets is None:
        parser.error("--tag belongs to --datasets VERSION")
    if parsed.json and not parsed.inspect:
        parser.error("--json belongs to --inspect PATH")
    if parsed.inspect and (names or parsed.promote):
        parser.error("--inspect goes alone: see what is read first, then ingest it")
    if not (names or parsed.promote or is_alone):
        parser.error("nothing to do: choose one of the loop's flags, or --promote")
    with_file = ("check_stack", "watch", "retrain_if_due", "promote", "rollback", "compare")
    # These read a model, a machine or a rule from the file, and need no pipeline for that.
    may_have_file = any(getattr(parsed, flag) for flag in with_file)
    if parsed.config and len(names) != 1 and (names or not may_have_file):
        parser.error(
            "--config belongs to one pipeline: give it with exactly one of the loop's flags"
        )
    _check_stages(parser, parsed)
    if parsed.local and parsed.stack not in (None, "local"):
        parser.error(f"--local and --stack {parsed.stack} contradict each other")
    for flag in ("local", "resume"):
        if getattr(parsed, flag) and "training" not in names:
            parser.error(f"--{flag} belongs to --training")


def _check_stages(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    if parsed.force != bool(parsed.reason):
        parser.error('--force and --reason go together: --force --reason "why it has to be so"')
    if parsed.force and parsed.promote != "production":
        parser.error("--force belongs to --promote production")
    if parsed.rollback and (parsed.promote or parsed.commands):
        parser.error("--rollback goes alone")
    if parsed.compare and len(parsed.compare) < _FEWEST_COMPARED:
        parser.error("--compare needs at least two runs")
    if parsed.compare and len(parsed.compare) > _MOST_COMPARED:
        parser.error(f"--compare takes at most {_MOST_COMPARED} runs, not {len(parsed.compare)}")
