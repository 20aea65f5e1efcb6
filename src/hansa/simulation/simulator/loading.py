"""Which scenario a command means: the release's own, or one from a file."""

import importlib.util
import sys
from pathlib import Path

from hansa.kernel.refusal import Refusal, shown
from hansa.simulation.simulator.scenario import Scenario


class ScenarioUnusable(Refusal, code="simulator.scenario_unusable", field="scenario"):
    zh = "场景文件 {path} 无法使用：{detail}。它须是 Python 文件，并含有函数 scenario() -> Scenario。"
    en = (
        "The scenario file {path} cannot be used: {detail}. It is a Python file with a function "
        "scenario() -> Scenario."
    )


def load(path: Path | None) -> Scenario:
    """The scenario of a file; without one, the business of all rooms. Raises ScenarioUnusable.

    The file is a program of the user's own and runs as one; modules beside it can be imported.
    """
    if path is None:
        from hansa.simulation.simulator.traffic.scenario import business

        return business()
    name = f"hansa_scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ScenarioUnusable(path=str(path), detail="no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
        made = module.scenario()
    except Exception as error:
        raise ScenarioUnusable(path=str(path), detail=shown(f"{type(error).__name__}: {error}")) from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, Scenario):
        raise ScenarioUnusable(path=str(path), detail="scenario() gives no Scenario")
    return made
