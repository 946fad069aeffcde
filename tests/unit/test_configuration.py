"""Configurations are checked before any work, and the message leads to the mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import Field, model_validator

from commands.config_files import parse_overrides
from commands.runs.configuration import load_configuration
from commands.stacks.files import read_stack
from utils.errors import ConfigurationError
from utils.options import Options


class Grid(Options):
    """A part of the parameters."""

    tile_size: int = 1000
    overlap: int = 100


def entrypoint(grid: Grid, data_source: str = "store") -> None:
    """Stands for a pipeline's function."""


class KindA(Options):
    """One of two kinds."""

    kind: Literal["a"] = "a"
    only_a: int = 0


class KindB(Options):
    """The other."""

    kind: Literal["b"] = "b"
    only_b: int = 0


def entrypoint_with_kinds(part: Annotated[KindA | KindB, Field(discriminator="kind")]) -> None:
    """Stands for a pipeline's function with a choice among types."""


def configuration_file(folder: Path, text: str) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(text)
    return path


def test_parameters_arrive_with_their_types(tmp_path):
    path = configuration_file(
        tmp_path, "stack: far\nenable_cache: false\nparameters: {grid: {overlap: 7}}"
    )

    loaded = load_configuration(path, entrypoint)

    assert loaded.parameters == {"grid": Grid(overlap=7), "data_source": "store"}
    assert loaded.stack == "far"
    assert loaded.settings == {"enable_cache": False}


def test_the_folder_of_local_state_can_be_named(tmp_path, local_state):
    path = configuration_file(tmp_path, "parameters: {grid: {}, data_source: '${LOCAL}/tiles'}")

    loaded = load_configuration(path, entrypoint)

    assert loaded.parameters["data_source"] == str(local_state / "tiles")


def test_an_override_changes_one_value_and_leaves_its_neighbours(tmp_path):
    path = configuration_file(tmp_path, "parameters: {grid: {overlap: 7, tile_size: 50}}")

    loaded = load_configuration(path, entrypoint, overrides=parse_overrides(["grid.overlap=9"]))

    assert loaded.parameters["grid"] == Grid(overlap=9, tile_size=50)


@pytest.mark.parametrize(
    ("typed", "blamed"),
    [
        pytest.param(["grid.overlap=much"], "--set grid.overlap=much: ", id="typed"),
        pytest.param(["grid.overlp=3"], "--set grid.overlp=3: ", id="misspelt"),
        pytest.param(["grid.overlp.x=3"], "--set grid.overlp.x=3: ", id="misspelt on the way"),
        pytest.param(["grid.tile_size=9"], "{file}: parameters.grid.overlap", id="in the file"),
    ],
)
def test_a_bad_value_is_blamed_on_where_it_was_given(tmp_path, typed, blamed):
    in_file = "much" if "tile_size" in typed[0] else "7"
    path = configuration_file(tmp_path, f"parameters: {{grid: {{overlap: {in_file}}}}}")
    with pytest.raises(ConfigurationError) as refused:
        load_configuration(path, entrypoint, overrides=parse_overrides(typed))
    assert str(refused.value).startswith(blamed.format(file=path))


class Shares(Options):
    """A part with a rule over two keys, and a list."""

    mine: int = 1
    yours: int = 2
    names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _are_three(self) -> Self:
        if self.mine + self.yours != 3:
            raise ValueError("mine and yours have to be 3 together")
        return self


def entrypoint_with_shares(shares: Shares) -> None:
    """Stand for a pipeline with a rule over several keys."""


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        pytest.param(
            ["shares.names=[a]", "shares.mine=5"],
            "--set shares.mine=5: parameters.shares: mine and yours have",
            id="a rule over several keys",
        ),
        pytest.param(
            ["shares.names=scene"],
            "--set shares.names=scene: parameters.shares.names: Input should be a list in "
            "brackets, as [scene]",
            id="a list of one",
        ),
        pytest.param(["shares.names={a: 1}"], "in brackets, as [ONE, ANOTHER]", id="a mapping"),
    ],
)
def test_a_rule_and_a_list_say_what_was_typed_and_what_to_type(tmp_path, typed, told):
    path = configuration_file(tmp_path, "parameters: {shares: {mine: 1}}")
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        load_configuration(path, entrypoint_with_shares, overrides=parse_overrides(typed))


def entrypoint_with_kind_of_labels(
    part: Annotated[KindA | KindB, Field(discriminator="kind")], kind: str = "detect"
) -> None:
    """Stand for a pipeline with a kind of labels beside a source of some kind."""


def test_choosing_the_kind_of_the_labels_drops_nothing(tmp_path):
    path = configuration_file(tmp_path, "parameters: {kind: detect, part: {kind: b, only_b: 1}}")
    loaded = load_configuration(
        path, entrypoint_with_kind_of_labels, overrides=parse_overrides(["kind=obb"])
    )
    assert loaded.parameters == {"kind": "obb", "part": KindB(only_b=1)}


def test_choosing_another_kind_drops_the_keys_of_the_one_in_the_file(tmp_path):
    path = configuration_file(tmp_path, "parameters: {part: {kind: b, only_b: 1}}")
    overrides = parse_overrides(["part.only_a=2", "part.kind=a"])

    loaded = load_configuration(path, entrypoint_with_kinds, overrides=overrides)

    assert loaded.parameters["part"] == KindA(only_a=2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=0.5", 0.5),
        ("a=true", True),
        ("a=null", None),
        ("a=[1, 2]", [1, 2]),
        ("a=x=y", "x=y"),
    ],
)
def test_override_values_have_types(text, value):
    assert parse_overrides([text]) == {"a": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "parameters: {grid: {tile_sise: 3}}", "did you mean 'tile_size'?", id="nested key"
        ),
        pytest.param("parameters: {grdi: {}}", "did you mean 'grid'?", id="parameter"),
        pytest.param(
            "parameters: {grid: {}, overlap: 3}", "did you mean 'grid.overlap'?", id="one level up"
        ),
        pytest.param("enable_cahce: false", "did you mean 'enable_cache'?", id="ZenML's key"),
        pytest.param(
            "parameters: {grid: {tile_size: wide}}", "parameters.grid.tile_size", id="type"
        ),
        pytest.param("parameters: {}", "parameters.grid: Field required", id="missing"),
        pytest.param("a: [1", "(line 1, column 6)", id="broken YAML"),
        pytest.param("- 1", "holds no mapping", id="a list"),
        pytest.param("parameters: [1]", "parameters: must be a mapping", id="parameters a list"),
        pytest.param("{name: cells, source: {}}", "give it as --project", id="a project's file"),
        pytest.param("model: ship-detector", "model: must be a mapping", id="model a name"),
        pytest.param("model: {nmae: x}", "did you mean 'name'?", id="the model's key"),
        pytest.param("enable_cache: maybe", "enable_cache: ", id="value of ZenML's key"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file_and_the_key(tmp_path, text, message):
    path = configuration_file(tmp_path, text)

    with pytest.raises(ConfigurationError) as error:
        load_configuration(path, entrypoint)

    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_told_with_those_there_are(tmp_path):
    with pytest.raises(ConfigurationError, match=r"does not exist.*ingest_data\.yaml"):
        load_configuration(tmp_path / "none.yaml", entrypoint)
    with pytest.raises(ConfigurationError, match=r"does not exist.*vertex\.yaml"):
        read_stack(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["grid.overlap", "=3", "a=[1"])
def test_a_malformed_override_is_refused(text):
    with pytest.raises(ConfigurationError, match="--set"):
        parse_overrides([text])
