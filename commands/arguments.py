"""The requests that a command line makes, after a check of its flags against each other.

Standard library only, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from commands.parser import USAGE_EXIT_CODE, build_parser
from commands.requests import (
    LOOP,
    REGISTRATION,
    CheckStack,
    CommandLine,
    CompareTrainings,
    Deploy,
    InspectSource,
    NewProject,
    OpenDashboard,
    Promote,
    RegisterStack,
    Request,
    Retrain,
    RollBack,
    RunLoop,
    ShowDatasets,
    ShowReports,
    ShowStatus,
    Undeploy,
    Watch,
    WatchPredictions,
)

# Columns are called A to Z.
_FEWEST_COMPARED, _MOST_COMPARED = 2, 26


def parse_arguments(arguments: list[str]) -> CommandLine:
    """Parse the command line; wrong usage ends the process with exit code 2."""
    parser = build_parser()
    if not arguments:
        parser.print_help()
        parser.exit(USAGE_EXIT_CODE)
    parsed = parser.parse_args(arguments)
    chosen = set(parsed.commands or [])
    parsed.commands = [command for command in LOOP if command.name in chosen]
    if parsed.register_model:
        # As YAML, so that no letter of the path means anything.
        parsed.overrides.append(f"registration.file={json.dumps(parsed.register_model)}")
        parsed.commands.insert(0, REGISTRATION)
    _check_combination(parser, parsed)
    # No namespace leaves this module: every command has a type of its own.
    requests = tuple(_requests(parsed))
    return CommandLine(requests, verbose=parsed.verbose, project=parsed.project)


def _requests(parsed: argparse.Namespace) -> Iterator[Request]:
    """Yield the commands of a checked namespace, in the order in which they run."""
    overrides = tuple(parsed.overrides)
    if parsed.inspect is not None:
        yield InspectSource(parsed.inspect or None, overrides, parsed.json)
        return
    if parsed.new_project:
        yield NewProject(parsed.new_project, overrides, parsed.yes)
        return
    if parsed.register_stack:
        yield RegisterStack(parsed.register_stack, parsed.yes)
    if parsed.check_stack:
        yield CheckStack(parsed.check_stack, parsed.config)
    if parsed.rollback:
        yield RollBack(parsed.config, overrides)
    if parsed.datasets is not None:
        wanted = tuple(parsed.datasets)
        yield ShowDatasets(wanted, parsed.tag, overrides, parsed.geopackage)
    if parsed.reports is not None:
        yield ShowReports(parsed.reports or None)
    if parsed.dashboard:
        yield OpenDashboard()
    if parsed.compare:
        yield CompareTrainings(tuple(parsed.compare), parsed.config, overrides)
    if parsed.watch and parsed.commands:
        yield WatchPredictions(parsed.config, overrides)
        return
    if parsed.commands or parsed.promote:
        yield _loop(parsed)
    if parsed.deploy:
        yield Deploy(parsed.config, overrides, parsed.stack, parsed.yes)
    if parsed.undeploy:
        yield Undeploy(parsed.config, overrides)
    if parsed.status:
        yield ShowStatus(parsed.config, overrides)
    retrain = Retrain(parsed.config, overrides, parsed.yes)
    if parsed.watch:
        yield Watch(retrain)
    elif parsed.retrain_if_due:
        yield retrain


def _loop(parsed: argparse.Namespace) -> RunLoop:
    stages = set(parsed.promote or ())
    last = "production" if "production" in stages else next(iter(stages), None)
    promote = Promote(last, parsed.reason, parsed.yes) if last else None
    return RunLoop(
        commands=tuple(parsed.commands),
        promote=promote,
        stage_first=len(stages) > 1,
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
        "new_project",
        "rollback",
        "register_stack",
        "check_stack",
        "compare",
        "dashboard",
        "watch",
        "retrain_if_due",
        "deploy",
        "undeploy",
        "status",
    )
    # An empty list is a request too: all versions.
    is_inspected = parsed.inspect is not None
    is_alone = (
        is_inspected
        or parsed.datasets is not None
        or parsed.reports is not None
        or any(getattr(parsed, flag) for flag in alone)
    )
    if parsed.tag and parsed.datasets is None:
        parser.error("--tag belongs to --datasets VERSION")
    if parsed.geopackage and parsed.datasets is None:
        parser.error("--geopackage belongs to --datasets VERSION")
    if parsed.json and not is_inspected:
        parser.error("--json belongs to --inspect PATH")
    if is_inspected and (names or parsed.promote):
        parser.error("--inspect goes alone: see what is read first, then ingest it")
    if parsed.new_project and (names or parsed.promote or is_inspected or parsed.project):
        parser.error("--new-project goes alone: look at its file first, then ingest")
    if not (names or parsed.promote or is_alone):
        parser.error("nothing to do: choose one of the loop's flags, or --promote")
    with_file = (
        *("check_stack", "watch", "retrain_if_due", "promote", "rollback", "compare"),
        *("deploy", "undeploy", "status"),
    )
    # These read a model, a machine or a rule from the file, and need no pipeline for that.
    may_have_file = any(getattr(parsed, flag) for flag in with_file)
    if parsed.config and len(names) != 1 and (names or not may_have_file):
        parser.error(
            "--config belongs to one pipeline: give it with exactly one of the loop's flags"
        )
    if parsed.watch and names not in ([], ["monitor"]):
        parser.error("--watch goes alone, or with --monitor")
    _check_stages(parser, parsed)
    _check_serving(parser, parsed)
    if parsed.local and parsed.stack not in (None, "local"):
        parser.error(f"--local and --stack {parsed.stack} contradict each other")
    for flag in ("local", "resume"):
        if getattr(parsed, flag) and "training" not in names:
            parser.error(f"--{flag} belongs to --training")


def _check_serving(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    if parsed.deploy and parsed.undeploy:
        parser.error("--deploy and --undeploy contradict each other")
    if parsed.deploy and parsed.commands and parsed.overrides:
        parser.error("--set belongs to one of both: run --deploy in a call of its own")


def _check_stages(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    if parsed.force != bool(parsed.reason):
        parser.error('--force and --reason go together: --force --reason "why it has to be so"')
    if parsed.force and "production" not in (parsed.promote or ()):
        parser.error("--force belongs to --promote production")
    if parsed.rollback and (parsed.promote or parsed.commands):
        parser.error("--rollback goes alone")
    if parsed.compare and len(parsed.compare) < _FEWEST_COMPARED:
        parser.error("--compare needs at least two runs")
    if parsed.compare and len(parsed.compare) > _MOST_COMPARED:
        parser.error(f"--compare takes at most {_MOST_COMPARED} runs, not {len(parsed.compare)}")
