"""One file names a project; pipelines' files and the command line win over it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from commands import new_project
from commands.arguments import parse_arguments
from commands.config_files import CONFIGS, parse_overrides
from commands.console import complain, say
from commands.demo import STAGES, _project
from commands.inspection import inspect_source
from commands.new_project import make_project, tile_size_for
from commands.project import active_project, read_project
from commands.requests import LOOP, PROMOTION, Promote, RunLoop
from commands.runs.configuration import RunConfiguration, load_configuration
from commands.runs.execution import plan_runs
from pipelines.export import export_pipeline
from pipelines.feedback import feedback_pipeline
from pipelines.fiftyone import fiftyone_pipeline
from pipelines.ingest import ingest_pipeline
from tests.builders import write_image
from tests.conftest import PROJECT_ROOT
from tests.fixtures.terminal import answering
from tests.unit.scenes.reading import write_coco
from utils.errors import ConfigurationError, SourceError
from utils.reports.page import page, paragraph

COMMANDS = {command.name: command for command in LOOP}
CELLS = {"name": "cells", "source": {"kind": "folder", "path": "slides"}, "classes": ["rbc"]}


@pytest.fixture(autouse=True)
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the projects by name, empty; nobody sits at a terminal."""
    monkeypatch.setenv("SPYGLASS_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.delenv("SPYGLASS_PROJECT", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    (tmp_path / "projects").mkdir()
    return tmp_path / "projects"


@pytest.fixture
def cells(projects: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The chosen project `cells`."""
    monkeypatch.setenv("SPYGLASS_PROJECT", "cells")
    return write(projects / "cells.yaml", **CELLS)


def write(path: Path, **content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def loaded(path: Path, pipeline=ingest_pipeline, *sets: str, **options) -> RunConfiguration:
    return load_configuration(
        path,
        pipeline.entrypoint,
        overrides=parse_overrides(sets),
        project=active_project(),
        **options,
    )


def test_only_the_projects_name_the_model_and_the_project_of_the_ships():
    files = [file for file in CONFIGS.rglob("*.yaml") if "projects" not in file.parts]
    naming = {
        str(file.relative_to(CONFIGS))
        for file in files
        if re.search(r"ship-detector|\bships\b$|: ships\b", file.read_text(), re.MULTILINE)
    }
    demo = {f"demo/project{ending}.yaml" for ending in ("", "_obb", "_segment")}
    assert naming == {"project.yaml", *demo}


@pytest.mark.parametrize("file", ["project.yaml", "demo/project.yaml"])
def test_the_shipped_projects_can_be_read(file):
    assert read_project(CONFIGS / file).model == "ship-detector"


def test_everything_is_called_after_the_project(cells, local_state):
    project = active_project()
    assert (project.model, project.dataset) == ("cells-detector", "cells")
    assert project.label_studio == "cells"
    assert project.data_store == str(local_state / "store" / "cells")


def test_a_shipped_file_takes_what_it_leaves_out_from_the_project(cells):
    ingest = loaded(CONFIGS / "ingest_data.yaml", has_model=False)
    assert ingest.parameters["source"].path == "slides"
    assert ingest.parameters["source"].classes == ("rbc",)
    assert ingest.parameters["label_studio"].project == "cells"
    assert ingest.parameters["tiling"].overlap == 100
    assert "model" not in ingest.settings  # an ingest would make a version of it
    export = loaded(CONFIGS / "data_export.yaml", export_pipeline)
    assert export.model == ("cells-detector", None)
    shown = loaded(CONFIGS / "fiftyone.yaml", fiftyone_pipeline, has_model=False).parameters
    assert (shown["dataset_name"], shown["project"]) == ("cells", "cells")
    assert (shown["model_name"], shown["tiling"]) == ("cells-detector", None)


def test_the_file_of_a_pipeline_wins_over_the_project_and_set_over_both(cells, tmp_path):
    own = {
        "source": {"kind": "voc", "path": "own"},
        "tiling": {"tile_size": 64, "overlap": 3},
        "label_studio": {"project": "own project"},
    }
    path = write(tmp_path / "own.yaml", parameters=own)
    ingest = loaded(path).parameters
    assert (ingest["source"].kind, ingest["source"].classes) == ("voc", ())
    assert (ingest["tiling"].tile_size, ingest["tiling"].overlap) == (64, 3)
    assert ingest["label_studio"].project == "own project"
    changed = loaded(path, ingest_pipeline, "label_studio.project=for once", "source.path=there")
    assert changed.parameters["label_studio"].project == "for once"
    assert changed.parameters["source"].path == "there"
    model = write(tmp_path / "model.yaml", model={"name": "own", "version": 2})
    assert loaded(model, feedback_pipeline).model == ("own", "2")
    assert loaded(model, feedback_pipeline, "model.name=other").model == ("other", "2")


def test_a_null_in_a_file_stays_null(cells, tmp_path):
    path = write(tmp_path / "own.yaml", parameters={"dataset_name": None})
    assert loaded(path, feedback_pipeline).parameters["dataset_name"] is None


def test_the_only_project_shows_the_newest_tiles_as_it_always_did(projects):
    shown = loaded(CONFIGS / "fiftyone.yaml", fiftyone_pipeline).parameters
    assert (shown["project"], shown["model_name"]) == (None, None)
    write(projects / "cells.yaml", **CELLS)
    shown = loaded(CONFIGS / "fiftyone.yaml", fiftyone_pipeline).parameters
    assert (shown["project"], shown["model_name"]) == ("ships", "ship-detector")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param({"clases": ["a"]}, "did you mean 'classes'", id="unknown key"),
        pytest.param({"kind": "detekt"}, "kind: ", id="no kind"),
        pytest.param({"name": "a b"}, "name: ", id="a name with a space"),
        pytest.param({"name": "ships"}, "project.yaml has the name 'ships' too", id="a twin"),
        pytest.param({"label_studio": "ab"}, "label_studio", id="no title for Label Studio"),
        pytest.param({"source": {"kind": "vok"}}, "source: ", id="unknown source"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file(projects, content, message):
    path = write(projects / "cells.yaml", **{**CELLS, **content})
    with pytest.raises(ConfigurationError, match=re.escape(message)) as error:
        read_project(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_misspelt_project_names_the_nearest(cells, monkeypatch):
    monkeypatch.setenv("SPYGLASS_PROJECT", "cels")
    with pytest.raises(ConfigurationError, match=r"did you mean 'cells'.*--new-project cels"):
        active_project()
    monkeypatch.setenv("SPYGLASS_PROJECT", "zebra")
    with pytest.raises(ConfigurationError, match=r"known are cells, ships\. Make one"):
        active_project()
    monkeypatch.setenv("SPYGLASS_PROJECT", "ships")  # the default one has a name, too
    assert active_project().name == "ships"


def test_the_damaged_file_of_one_project_breaks_no_other(cells, projects):
    (projects / "worms.yaml").write_text("name: [")
    assert active_project().name == "cells"


def test_set_names_the_model_where_nothing_else_can_be_set(cells):
    loop = RunLoop(promote=Promote("staging"), overrides=("foo=1",), stack="local")
    with pytest.raises(ConfigurationError, match=r"known are model\.name"):
        plan_runs(loop)


@pytest.mark.parametrize(
    ("commands", "text", "message"),
    [
        pytest.param(["ingest"], "model.name=x", "belongs to no model", id="ingest"),
        pytest.param(["ingest"], "name=x", "--new-project NAME", id="name"),
        pytest.param(["fiftyone"], "project.name=x", "--project NAME", id="project.name"),
        pytest.param(["ingest"], "tile_size=9", "tiling.tile_size", id="tile size"),
        pytest.param(["export"], "model=x", "model.name=NAME", id="model alone"),
        pytest.param(["export"], "model.nmae=x", "did you mean 'name'", id="misspelt"),
        pytest.param(["export"], "ls_project_id=8", "label_studio.project", id="the example's"),
        pytest.param(["ingest"], "max_scenes=4", "did you mean 'source.max_scenes'", id="no place"),
    ],
)
def test_set_says_where_the_names_of_a_project_are(cells, commands, text, message):
    loop = RunLoop(tuple(COMMANDS[name] for name in commands), overrides=(text,), stack="local")
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        plan_runs(loop)


def test_set_changes_the_model_of_every_pipeline_that_has_one(cells):
    names = ("ingest", "export", "fiftyone")
    loop = RunLoop(
        tuple(COMMANDS[name] for name in names), overrides=("model.name=x",), stack="local"
    )
    ingest, export, fiftyone = (run.configuration for run in plan_runs(loop))
    assert export.model[0] == "x"
    assert fiftyone.parameters["model_name"] == "x"
    assert not ingest.model[0]
    assert not fiftyone.model[0]
    assert PROMOTION.has_model


def test_a_path_alone_is_a_folder_of_images_to_predict(cells):
    loop = RunLoop((COMMANDS["inference"],), overrides=("source.path=here",), stack="local")
    (planned,) = plan_runs(loop)
    source = planned.configuration.parameters["source"]
    assert (source.kind, source.path) == ("folder", "here")


def test_every_stage_of_the_demo_is_about_its_project(monkeypatch, local_state):
    for _, arguments in STAGES:
        command_line = parse_arguments([*_project("detect"), *arguments])
        monkeypatch.setenv("SPYGLASS_PROJECT", str(command_line.project))
        (loop,) = command_line.requests
        for planned in plan_runs(loop):
            configuration = planned.configuration
            assert configuration.parameters.get("dataset_name") in ("spyglass-demo", None)
            assert configuration.model[0] in ("ship-detector", "")
            if planned.command.name == "ingest":
                assert configuration.parameters["data_source"] == f"{local_state}/store/demo"
                assert configuration.parameters["tiling"].overlap == 64
                assert configuration.parameters["label_studio"].project == "spyglass-demo"


def test_an_inference_takes_the_source_of_a_project_of_ones_own(cells, monkeypatch):
    loop = RunLoop((COMMANDS["inference"],), stack="local")
    (planned,) = plan_runs(loop)
    assert planned.configuration.parameters["source"].path == "slides"
    cells.unlink()
    monkeypatch.delenv("SPYGLASS_PROJECT")
    with pytest.raises(ConfigurationError, match=r"--set source\.path=DIR"):
        plan_runs(loop)


EXAMPLE_KEYS = [
    pytest.param({"parameters": {"ls_project_id": 8}}, "label_studio", id="parameter"),
    pytest.param({"ls_project_id": 8}, "label_studio", id="top level"),
    pytest.param({"parameters": {"label_studio": {"ls_storage_id": 1}}}, "take it out", id="deep"),
    pytest.param(
        {"steps": {"upload_labels_to_label_studio": {"parameters": {"ls_project_id": 8}}}},
        "steps.upload_labels_to_label_studio.parameters",
        id="step of the example",
    ),
    pytest.param({"parameters": {"storage_type": "gcs"}}, "take it out", id="storage"),
    pytest.param({"parameters": {"dataset_name": "polution"}}, "'dataset'", id="dataset"),
    pytest.param({"parameters": {"data_source": "gs://b/p"}}, "data_store", id="store"),
    pytest.param({"dataset_name": "polution"}, "'label_studio'", id="dataset at top level"),
]


@pytest.mark.parametrize(("content", "message"), EXAMPLE_KEYS)
def test_a_key_of_the_example_project_is_told_with_its_place_here(
    cells, tmp_path, content, message
):
    path = write(tmp_path / "own.yaml", **content)
    with pytest.raises(ConfigurationError, match="example project") as error:
        loaded(path, export_pipeline)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_commands_in_messages_name_the_chosen_project(cells, capsys):
    say("Make one with: python run.py --export")
    complain("See python run.py --project ships --export, or python run.py --new-project b")
    complain("Try python run.py --export --project cells")
    told = capsys.readouterr()
    assert "python run.py --project cells --export" in told.out
    assert told.err.count("--project cells") == 1


def test_commands_in_pages_name_the_chosen_project(cells):
    called = paragraph("python run.py --package, then python run.py --deploy")
    shown = page("A", "b", called)
    assert "python run.py --project cells --package, then" in shown
    assert "then python run.py --project cells --deploy<" in shown


@pytest.mark.parametrize(
    ("lengths", "size"),
    [([416, 300], 1000), ([1000], 1000), ([1296, 966], 1296), ([2001, 64], 1000), ([], 1000)],
)
def test_photographs_stay_whole_and_giant_images_are_cut(lengths, size):
    assert tile_size_for(lengths) == size


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """Two labelled images, in COCO's form."""
    folder = tmp_path / "my slides"
    for name in ("a.png", "b.png"):
        write_image(folder / name, 60, 40)
    write_coco(folder / "l.json", {1: "a.png", 2: "b.png"}, [(1, 7, [2, 3, 9, 9])])
    return folder


def test_a_tile_size_that_was_given_is_told_as_it_is(slides, projects):
    answers = {"source.path": str(slides), "tile_size": 32}
    text = make_project("cells", answers, yes=True).read_text()
    assert "images up to 60 pixels are cut into tiles" in text
    assert "is one tile" not in text


def test_a_new_project_is_written_from_what_is_found(slides, projects, monkeypatch, capsys):
    file = make_project("cells", {"source.path": str(slides)}, yes=True)
    project = read_project(file)
    assert project.source is not None
    assert (project.source.kind, project.tile_size) == ("coco", 1000)
    assert project.classes == ("vessel",)
    text = file.read_text()
    assert "each of the images (up to 60 pixels) is one tile" in text
    assert "# model: cells-detector" in text
    told = capsys.readouterr().out
    assert "python run.py --project cells --ingest" in told
    monkeypatch.setenv("SPYGLASS_PROJECT", "cells")
    ingest = loaded(CONFIGS / "ingest_data.yaml")
    assert ingest.parameters["source"].path == str(slides)
    inspect_source(None, {}, None)
    assert "Ingest it with: python run.py --project cells --ingest" in capsys.readouterr().out


def test_both_questions_are_asked_and_an_empty_answer_takes_what_is_found(slides, projects, capsys):
    with answering(str(slides), ""):
        assert read_project(make_project("cells", {})).classes == ("vessel",)
    shown = capsys.readouterr().out
    assert shown.index("Where are the images?") < shown.index("Which classes")
    assert "[vessel]" in shown.partition("Which classes")[2].splitlines()[0]


def test_images_without_labels_need_classes(tmp_path, projects):
    write_image(tmp_path / "plain" / "a.png")
    place = {"source.path": str(tmp_path / "plain")}
    with pytest.raises(ConfigurationError, match=r"--set 'classes="):
        make_project("plain", place, yes=True)
    assert not list(projects.iterdir())
    project = read_project(make_project("plain", place | {"classes": ["weed", "crop"]}))
    assert project.classes == ("weed", "crop")
    assert project.source is not None
    assert project.source.kind == "folder"


@pytest.mark.parametrize(
    ("name", "answers", "message"),
    [
        pytest.param("cells", {}, "--set source.path=DIR", id="no terminal"),
        pytest.param("a b", {}, "a name has", id="no name"),
        pytest.param("../x", {}, "a name has", id="a path"),
        pytest.param("ships", {}, "is there already", id="the default project's name"),
        pytest.param("cells", {"clases": "a"}, "did you mean 'classes'", id="misspelt"),
        pytest.param(
            "cells", {"kind": "obb"}, "1 box, which cannot become oriented", id="a greater kind"
        ),
        pytest.param("cells", {"kind": "detct"}, "did you mean 'detect'", id="misspelt kind"),
        pytest.param("cells", {"source.pth": "x"}, "source.path", id="misspelt source"),
    ],
)
def test_what_cannot_be_made_is_told_and_nothing_is_written(
    slides, projects, name, answers, message
):
    if "kind" in answers:
        answers = {**answers, "source.path": str(slides), "classes": ["vessel"]}
    with pytest.raises((ConfigurationError, SourceError), match=re.escape(message)):
        make_project(name, answers)
    assert not list(projects.iterdir())


def test_a_project_that_is_there_is_never_overwritten(slides, cells):
    before = cells.read_text()
    with pytest.raises(ConfigurationError, match="is there already"):
        make_project("cells", {"source.path": str(slides)}, yes=True)
    assert cells.read_text() == before


def test_a_wrong_folder_is_told_and_asked_for_again(slides, projects, capsys):
    with answering(str(slides.with_name("my slide")), str(slides), ""):
        make_project("cells", {})
    shown = " ".join(capsys.readouterr().out.split())  # lines break where the folder's name ends
    assert shown.count("Where are the images?") == 2
    assert "Did you mean" in shown


def test_no_answer_leaves_no_file_and_names_the_command(projects):
    with answering("\x04"), pytest.raises(ConfigurationError, match=r"--set source\.path=DIR"):
        make_project("cells", {})
    assert not list(projects.iterdir())


def test_a_class_that_is_left_out_is_told(slides, projects, capsys):
    with answering("ship, boat"):
        make_project("cells", {"source.path": str(slides)})
    told = capsys.readouterr().out
    assert "Left out: 1 vessel" in told
    assert "class_mapping: {vessel: ship}" in told


def test_a_folder_that_is_not_there_names_its_neighbour(slides):
    with pytest.raises(SourceError, match="Did you mean"):
        make_project("cells", {"source.path": str(slides.with_name("my slide"))}, yes=True)


def test_paths_in_messages_are_short_inside_the_project():
    assert new_project._shown(PROJECT_ROOT / "configs" / "a.yaml") == Path("configs/a.yaml")


def test_a_source_that_an_ingest_would_refuse_is_told(tmp_path, projects, capsys):
    write_image(tmp_path / "plain" / "a.png")
    (tmp_path / "plain" / "b.png").write_bytes(b"no image")
    make_project("plain", {"source.path": str(tmp_path / "plain"), "classes": ["weed"]})
    told = capsys.readouterr()
    assert "would be refused" in told.err
    assert "1 of 2 scenes" in told.err
    commands = [line for line in told.out.splitlines() if line.startswith("  python run.py")]
    assert len(commands) == 3
    assert max(map(len, commands)) <= 100
