"""The flags of `run.py`, in groups as `--help` shows them.

Standard library only, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from commands.requests import LOOP

USAGE_EXIT_CODE = 2

_EXAMPLES = """\
examples:
  python run.py --new-project cells             make a project of your own images
  python run.py --inspect DIR                   see what an ingest would make of a folder
  python run.py --ingest                        tile a dataset and send it to Label Studio
  python run.py --export --promote staging      turn what people reviewed into a dataset
  python run.py --training --local              train on this machine
  python run.py --promote production            use the new detector, if it is better
  python run.py -i --set source.path=DIR -f     predict, then look
  python run.py --compare 3 4                   set the trainings of two versions side by side
  python run.py --deploy                        serve the detector in production over HTTP
  python run.py -ig --project cells --set tiling.tile_size=640
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
    stages = parser.add_argument_group("stages")
    _add_stages(stages)
    _add_registration(stages)
    _add_datasets(parser.add_argument_group("labels"))
    _add_reports(parser.add_argument_group("looking"))
    _add_experiments(parser.add_argument_group("experiments"))
    _add_serving(parser.add_argument_group("serving"))
    _add_retraining(parser.add_argument_group("retraining"))
    _add_stacks(parser.add_argument_group("stacks"))
    _add_options(parser.add_argument_group("options"))
    return parser


def _add_inspection(inspection: argparse._ArgumentGroup) -> None:
    inspection.add_argument(
        "--new-project",
        metavar="NAME",
        help="write configs/projects/NAME.yaml for your own images: two questions, where they are "
        "and which classes to find; --set source.path=DIR and --set 'classes=[NAME]' answer them",
    )
    inspection.add_argument(
        "--inspect",
        nargs="?",
        const="",
        metavar="PATH",
        help="show what an ingest would make of a source (the project's by default), without "
        "writing anything to a store: its scenes, labels, groups and places, and all that would be "
        "set aside and why; its kind is found in its files, or given by --set source.kind=KIND",
    )
    inspection.add_argument(
        "--json", type=Path, metavar="FILE", help="with --inspect: write everything found as JSON"
    )


def _add_stages(stages: argparse._ArgumentGroup) -> None:
    stages.add_argument(
        "--promote",
        choices=["staging", "production"],
        action="append",
        help="move a model version: the latest into staging, or staging's into production, "
        "where it must be better than what is there (configs/promotion.yaml); both in one call: "
        "after the export, and after the training",
    )
    stages.add_argument(
        "--force", action="store_true", help="promote to production without comparing"
    )
    stages.add_argument("--reason", metavar="TEXT", help="why, to be recorded; goes with --force")
    stages.add_argument(
        "--rollback", action="store_true", help="bring back what was in production before"
    )


def _add_registration(models: argparse._ArgumentGroup) -> None:
    models.add_argument(
        "--register-model",
        metavar="FILE",
        help="make a detector that was trained elsewhere, an ultralytics .pt or an ONNX file, a "
        "version of the model, evaluated on its newest labels (configs/register.yaml)",
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
    labels.add_argument(
        "--geopackage",
        type=Path,
        metavar="FILE",
        help="with --datasets VERSION: write its labels as a GeoPackage, each object once, for the "
        "scenes that know where they lie",
    )


def _add_reports(looking: argparse._ArgumentGroup) -> None:
    looking.add_argument(
        "--reports",
        nargs="?",
        type=int,
        const=0,
        metavar="NUMBER",
        help="list the pages of the last runs, or open one by its number",
    )
    looking.add_argument(
        "--dashboard",
        action="store_true",
        help="open the ZenML dashboard on the store that the last run wrote to",
    )


def _add_experiments(experiments: argparse._ArgumentGroup) -> None:
    experiments.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="show trainings side by side: runs by name, id or the beginning of one, or "
        "versions of the model by number or stage",
    )


def _add_serving(serving: argparse._ArgumentGroup) -> None:
    serving.add_argument(
        "--deploy",
        action="store_true",
        help="serve the version in production: packed, evaluated as packed, started or switched "
        "without a lost answer (configs/deployment.yaml)",
    )
    serving.add_argument("--undeploy", action="store_true", help="stop the service of the model")
    serving.add_argument(
        "--status",
        action="store_true",
        help="show which version runs where since when, its jobs, and what is in production",
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
        help="a service that retrains whenever it is due, until Ctrl-C or SIGTERM; with --monitor "
        "a page that stays up and is made anew every few minutes",
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
        "--project",
        metavar="NAME|FILE",
        help="the project: configs/projects/NAME.yaml or a file; by default that of the variable "
        "SPYGLASS_PROJECT, else configs/project.yaml",
    )
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
