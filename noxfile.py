"""Every check of this project, the fast ones first: ``nox`` runs those of minutes in the current environment.

``nox -s kills distributed outsiders backends quickstart`` runs the rest: processes that are killed wherever they can
be, training in several processes, plugins of others in clean environments, backends in environments of their own, and
the run of the README.

``nox -s nightly`` runs what takes long and breaks rarely, which CI leaves out.

``nox -s lint`` runs one; ``nox -s tests -- tests/unit -x`` hands arguments to pytest.
"""

import nox

SIDE_BY_SIDE = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")
"""Two processes of tests, each with one thread for its tensors: on two cores faster than one with two, or than three.

In the order of their names the long ones, `functional`, are not the last.
"""
TAKEN_AS_FREE = ("-n", "2", "--dist", "worksteal")
"""The same for long tests of one file, which share little that is costly to set up."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "reference", "site", "tests"]
nox.options.stop_on_first_error = True


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff's rules and layout, and the words of docstrings and pages."""
    session.run("ruff", "check", ".", external=True)
    session.run("ruff", "format", "--check", ".", external=True)
    session.run("python", "docs/check_words.py", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, over the three packages."""
    session.run("mypy", external=True)


@nox.session
def layers(session: nox.Session) -> None:
    """The direction of imports."""
    session.run("lint-imports", external=True)


@nox.session
def reference(session: nox.Session) -> None:
    """The generated pages say what the code says; ``nox -s reference -- --write`` renews them."""
    session.run("python", "docs/generate.py", *session.posargs, external=True)


@nox.session
def site(session: nox.Session) -> None:
    """The pages as a site, in build/site; a warning is an error."""
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "docs", "build/site", external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything in one environment: unit, functional, bad data, docs."""
    session.run("python", "-m", "pytest", *SIDE_BY_SIDE, *session.posargs, env=ONE_THREAD, external=True)


@nox.session
def quickstart(session: nox.Session) -> None:
    """The run of the README and what it leaves; ``FTCTL_QUICK_START`` names a folder in which it has run."""
    chosen = ("-m", "quickstart and not nightly", "tests/functional/test_quickstart.py", *session.posargs)
    session.run("python", "-m", "pytest", *chosen, external=True)


@nox.session
def kills(session: nox.Session) -> None:
    """``kill -9`` and full disks at every point: what was finished stays, and the rest goes on bit-equal."""
    chosen = ("-m", "kills and not nightly", *TAKEN_AS_FREE, *session.posargs)
    session.run("python", "-m", "pytest", *chosen, env=ONE_THREAD, external=True)


@nox.session
def distributed(session: nox.Session) -> None:
    """Training in several processes, by torchrun and Ray, on this machine."""
    chosen = ("-m", "distributed and not nightly", *TAKEN_AS_FREE, *session.posargs)
    session.run("python", "-m", "pytest", *chosen, env=ONE_THREAD, external=True)


@nox.session
def outsiders(session: nox.Session) -> None:
    """Plugins as others write them: made, installed and tested in clean environments, and used in a run."""
    chosen = ("-m", "outsiders and not nightly", "tests/outsiders", *SIDE_BY_SIDE, *session.posargs)
    session.run("python", "-m", "pytest", *chosen, env=ONE_THREAD, external=True)


@nox.session
def backends(session: nox.Session) -> None:
    """Backends in environments of their own, which are built where they are not there yet: minutes and gigabytes."""
    chosen = ("-m", "backends and not nightly", "tests/backends", *SIDE_BY_SIDE, *session.posargs)
    session.run("python", "-m", "pytest", *chosen, env=ONE_THREAD, external=True)


@nox.session
def nightly(session: nox.Session) -> None:
    """Run what takes minutes and breaks rarely: further quantisers, simulations of error rates, more kills."""
    session.run(
        "python", "-m", "pytest", "-m", "nightly", *TAKEN_AS_FREE, *session.posargs, env=ONE_THREAD, external=True
    )
    kills_of_more_rows = ("-m", "kills", "tests/faults/test_resume_matrix.py", *TAKEN_AS_FREE)
    more_rows = ONE_THREAD | {"FTCTL_MATRIX_ROWS": "37"}
    session.run("python", "-m", "pytest", *kills_of_more_rows, env=more_rows, external=True)
