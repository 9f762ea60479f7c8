"""The layers of dbt's models: staging, identity records, core, intermediate, marts.

Read from the SQL itself, so that no parse of dbt is needed.
"""

import re
from pathlib import Path

from dagster_project.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt" / "models"
REFERENCE = re.compile(r"\bref\(\s*'(\w+)'\s*\)")
# In the order of the flow: a model reads its own layer and earlier ones.
LAYERS = ("staging", "intermediate/identity", "core", "intermediate", "marts")
FILES = {path.stem: path for path in sorted(MODELS.rglob("*.sql"))}


def layer_of(path: Path) -> int:
    """Position in LAYERS of the innermost folder that is one."""
    folder = path.relative_to(MODELS).parent.as_posix() + "/"
    fitting = [layer for layer in LAYERS if folder.startswith(f"{layer}/")]
    return LAYERS.index(max(fitting, key=len))


def test_no_model_reads_a_later_layer():
    """Layers that read each other cannot be built, understood or replaced one after the other."""
    later = {
        f"{name} reads {other}"
        for name, path in FILES.items()
        for other in REFERENCE.findall(path.read_text())
        if other in FILES and layer_of(FILES[other]) > layer_of(path)
    }
    assert later == set()


def test_names_say_the_layer():
    """A reader of SQL cannot tell a published table from one of the kitchen."""
    prefixes = {
        name: next((prefix for prefix in ("stg_", "int_") if name.startswith(prefix)), "")
        for name in FILES
    }
    expected = {}
    for name, path in FILES.items():
        layer = LAYERS[layer_of(path)]
        inside = path.relative_to(MODELS).parts
        if layer == "staging":
            expected[name] = "stg_"
        elif "intermediate" in layer or "preparation" in inside:
            expected[name] = "int_"
        else:
            expected[name] = ""
    assert prefixes == expected
