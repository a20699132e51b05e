"""The wheel as somebody installs it: it carries the notebooks, and lays them out."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")

pytestmark = pytest.mark.timeout(240)


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    ended = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and install it into an environment that has what it needs, not itself."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder)
    run(*PIP, *build, ROOT, cwd=folder)
    [wheel] = folder.glob("polyai_diag-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = next((folder / "venv").glob("[bS]*/python*"))
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # One line, one folder: what stands in files of that kind there, the checkout, is not read.
    Path(site.strip(), "needs.pth").write_text(sysconfig.get_path("purelib"))
    install = ("--python", python, "install", "--no-deps", "--no-index")
    run(*PIP, *install, wheel, cwd=folder)
    return python.with_name("polyai-diag")


def test_it_is_the_wheel_that_runs(program: Path, tmp_path: Path) -> None:
    told = run(
        program.with_name("python"), "-c", "import polyai_diag; print(polyai_diag.__file__)",
        cwd=tmp_path,
    )  # fmt: skip
    assert Path(told.strip()).is_relative_to(program.parents[1])


def test_the_notebooks_are_laid_where_asked_and_changed_ones_kept(
    program: Path, tmp_path: Path
) -> None:
    run(program, "lab", "--folder", "tickets", "--no-open", cwd=tmp_path)
    shipped = {path.name: path.read_bytes() for path in (ROOT / "notebooks").glob("*.ipynb")}
    laid = {path.name: path.read_bytes() for path in (tmp_path / "tickets").glob("*.ipynb")}
    assert laid == shipped
    mine = tmp_path / "tickets" / "00-start-here.ipynb"
    mine.write_text("my ticket")
    run(program, "lab", "--folder", "tickets", "--no-open", cwd=tmp_path)
    assert mine.read_text() == "my ticket"


def test_without_a_wish_they_come_into_this_folder(program: Path, tmp_path: Path) -> None:
    run(program, "lab", "--no-open", cwd=tmp_path)
    assert (tmp_path / "polyai-diag-notebooks" / "03-ice-connection-fails.ipynb").is_file()


def test_what_the_notebooks_show_is_in_the_wheel(program: Path, tmp_path: Path) -> None:
    """Templates and styles as well."""
    shows = (
        "import sys; from polyai_diag import Report; from polyai_diag.notebook.walk import Walk; "
        "report = Report.from_json(open(sys.argv[1], 'rb').read()); "
        "print(Walk('ice', report)._repr_html_(), report._repr_html_())"
    )
    saved = ROOT / "tests" / "vectors" / "report.json"
    told = run(program.with_name("python"), "-c", shows, saved, cwd=tmp_path)
    assert "UDP must be allowed." in told
