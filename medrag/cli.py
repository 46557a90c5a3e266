"""Run a stage from the shell: compose its configuration, and print errors as one line."""

from __future__ import annotations

import difflib
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from .config import Config
from .config.overrides import with_lists
from .errors import ConfigError, MedragError
from .interrupts import end_at_once, interruptible
from .progress import console
from .terminal import finish_output, plain, prepare_streams

_CONTINUED = "stopped; finished work is saved, and the same command continues it"
# Hydra's options; these take the next argument as their value.
OPTIONS_WITH_VALUE = frozenset(
    """
    --cfg -c --package -p --config-path -cp --config-name -cn --config-dir -cd --info -i
    --experimental-rerun --shell-completion -sc
    """.split()  # noqa: SIM905
)
OPTIONS = OPTIONS_WITH_VALUE | frozenset(
    "--help -h --hydra-help --version --resolve --run -r --multirun -m".split()  # noqa: SIM905
)

_SETTING = re.compile(r"(?P<sign>(?:\+\+?|~)?)(?P<name>[A-Za-z_][\w./@:-]*)=.*", re.S)


def conf_dir() -> str:
    """Absolute path of `conf/`: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    packaged = package / "conf"
    return str(packaged if packaged.is_dir() else package.parent / "conf")


def register_schema() -> None:
    """Register `Config` as Hydra's schema, and the resolver behind `${stage:}`."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    ConfigStore.instance().store(name="schema", node=Config)
    # Hydra would name the runs of every stage after the file of its `main`: cli.py.
    OmegaConf.register_new_resolver("stage", lambda: Path(sys.argv[0]).stem, replace=True)


def to_config(composed: Any) -> Config:
    """Turn Hydra's composed configuration into the dataclass that stages take.

    Raises:
        ConfigError: a value is out of range, or `${...}` cannot be resolved.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        config = OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        name = f"{error.full_key}: " if error.full_key else ""
        raise ConfigError(f"{name}{str(error).splitlines()[0]}") from error
    assert isinstance(config, Config)
    return config


def launch(stage: Callable[[Config], object], stopped: str = _CONTINUED) -> None:
    """Run a stage under Hydra with the overrides on the command line.

    Args:
        stopped: what is said after Ctrl-C.

    Exit status: 0 on success, 1 for an internal error (with its traceback), 2 for an error that the
    user can fix (in one line), 130 after Ctrl-C, 141 if the reader of the results has gone.
    """
    end_at_once()  # until the stage begins
    prepare_streams()
    import hydra

    # OpenMP threads spin while they wait, which makes torch several times slower on shared cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # By default, oneDNN keeps kernels for 1,024 shapes: rows of all lengths would fill memory.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")
    # Libraries warn about names that will change; a user of the shell can do nothing about it.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers|trl|peft")
    register_schema()

    @hydra.main(version_base="1.3", config_path=conf_dir(), config_name="config")
    def main(composed: Any) -> None:
        # Caught here, because Hydra would print a traceback and exit with status 1.
        with interruptible(stopped):
            try:
                stage(to_config(composed))
            except MedragError as error:
                fail(error)

    options, given = split_options(sys.argv[1:])
    overrides = [with_lists(argument) for argument in given]
    try:
        check_overrides(overrides, sweep="--multirun" in options or "-m" in options)
    except ConfigError as error:
        fail(error)
    # argparse does not take overrides on both sides of an option.
    sys.argv[1:] = [*options, *overrides]
    main()
    finish_output()


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate Hydra's own options, with their values, from all other arguments."""
    options: list[str] = []
    others: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_option = argument.startswith("-") or before in OPTIONS_WITH_VALUE
        (options if is_option else others).append(argument)
    return options, others


def split_words(arguments: Sequence[str], help_text: str = "") -> tuple[list[str], list[str]]:
    """Separate what sets nothing, such as the name of a file, from settings and options.

    If there is a text, -h and --help print it and end the process.
    """
    if help_text and not {"-h", "--help"}.isdisjoint(arguments):
        print(help_text.strip())
        sys.exit()
    settings, others = split_options(arguments)
    words: list[str] = []
    for argument in others:
        (settings if _SETTING.fullmatch(argument) else words).append(argument)
    return words, settings


def take_option(arguments: Sequence[str], name: str) -> tuple[str | None, list[str]]:
    """Take an option of a stage's own out of its arguments: NAME VALUE, or NAME=VALUE.

    What follows "--" is no option.

    Returns:
        Its value (None if the option is not there, "" if its value is missing), and the rest.
    """
    for place, argument in enumerate(arguments):
        before, after = list(arguments[:place]), list(arguments[place + 1 :])
        if argument == "--":
            break
        if argument == name:
            return (after or [""])[0], before + after[1:]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2], before + after
    return None, list(arguments)


def sets(argument: str) -> bool:
    """Whether an argument among the words of a question sets something, or means to.

    NAME=VALUE does, if the name is that of a setting. So does a name that was misspelt, but only if
    nothing has a space: "retriver.k=3", not "is x=3 bad?".
    """
    found = _SETTING.fullmatch(argument)
    if not found or (argument.endswith("?") and " " in argument):
        return False
    if found["sign"]:
        return True
    name = found["name"]
    first = re.split(r"[./@]", name)[0]
    groups = [*_settings_of(Config), "hydra", "experiment"]
    if any(one.isspace() for one in argument):
        return _is_known(name)
    return (
        first in groups
        or bool(difflib.get_close_matches(first, groups, 1, 0.8))
        or name in _leaves()
    )


def fail(error: MedragError) -> None:
    """Print an error and exit with status 2."""
    console.print(f"[bold red]error:[/bold red] {plain(str(error), lines=True)}", soft_wrap=True)
    sys.exit(2)


def check_overrides(overrides: Sequence[str], sweep: bool = False) -> None:
    """Refuse a misspelt setting, a wrong type or an unknown choice before Hydra composes.

    Hydra refuses them too, but in ten lines; this takes one, and suggests the right name.

    Args:
        overrides: arguments of the form NAME=VALUE, +NAME=VALUE or ~NAME.
        sweep: whether a setting can have several values, one for each run.

    Raises:
        ConfigError: names the setting and the fix.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    schema = OmegaConf.structured(Config)
    for argument in overrides:
        if argument.startswith("~"):
            continue
        if not argument.partition("=")[0].lstrip("+") or "=" not in argument:
            raise ConfigError(f"{argument}: write settings as NAME=VALUE")
        try:
            override = OverridesParser.create().parse_override(argument)
        except HydraException as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{argument}: {reason}; put quotes around special values") from error
        name = override.key_or_group
        if override.is_sweep_override():
            if not sweep:
                raise ConfigError(f"{argument}: write a list as [a,b]; a sweep needs --multirun")
        elif choices := sorted(path.stem for path in Path(conf_dir(), name).glob("*.yaml")):
            value = override.value()
            if not {*map(str, value if isinstance(value, list) else [value])} <= {*choices}:
                raise ConfigError(f"{argument}: the choices of {name} are {', '.join(choices)}")
            if name in ("experiment", "sweep") and not override.is_add():
                raise ConfigError(f"{argument}: add it with +{argument}")
        elif not name.startswith("hydra"):
            _check_name(name)
            if override.is_add() and not override.is_force_add():
                raise ConfigError(f"{argument}: the setting already exists; write {argument[1:]}")
            try:
                OmegaConf.update(schema, name, override.value())
            except OmegaConfBaseException as error:
                reason = str(error).splitlines()[0]
                if "ListConfig" in reason:
                    reason = f"it takes a list; write '{name}=[{override.value()}]'"
                raise ConfigError(f"{argument}: {reason}") from error


def _is_known(name: str) -> bool:
    try:
        _check_name(name)
    except ConfigError:
        return re.split(r"[/.]", name)[0] in ("hydra", "experiment")
    return True


def _settings_of(node: Any) -> list[str]:
    return [field.name for field in fields(node)] if is_dataclass(node) else []


@cache
def _leaves() -> dict[str, str]:
    """Full names of the settings by the last part of their names."""
    found: dict[str, str] = {}

    def visit(node: Any, before: str) -> None:
        for name in _settings_of(node):
            below = get_type_hints(node)[name]
            if is_dataclass(below):
                visit(below, f"{before}{name}.")
            else:
                found.setdefault(name, f"{before}{name}")

    visit(Config, "")
    return found


def _check_name(name: str) -> None:
    node: Any = Config
    seen: list[str] = []
    for part in name.split("."):
        names = _settings_of(node)
        if part not in names:
            where = ".".join(seen) or "the top level"
            near = [".".join([*seen, one]) for one in difflib.get_close_matches(part, names, n=1)]
            if part == name and part in _leaves():
                near = [_leaves()[part]]
            meant = f"did you mean {near[0]}? " if near else ""
            has = f"{where} has: {', '.join(names)}" if names else f"{where} is a single value"
            raise ConfigError(f"unknown setting {name}; {meant}{has}")
        seen.append(part)
        node = get_type_hints(node)[part]
