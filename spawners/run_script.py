"""A script that becomes a run: Python with a parameters cell, as a file of its own or made of a notebook."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from spawners.run_notebook import Notebook, defaults_of, names_of, read_content, read_notebook
from spawners.run_record import RunError

# How an editor marks a cell in a script, and the tag of the one that holds the defaults.
_CELL = re.compile(r"^# %%.*$", re.MULTILINE)
_PARAMETERS = re.compile(r"""^# %%.*\btags=\[[^\]]*["']parameters["'][^\]]*\].*$""", re.MULTILINE)
HEAD = '# %% tags=["parameters"]'
_TEMPLATE = """\
{%- extends 'python/index.py.j2' -%}
{%- block header -%}{%- endblock header -%}
{%- block in_prompt -%}
# %%{% if 'parameters' in cell.metadata.get('tags', []) %} tags=["parameters"]{% endif %}
{%- endblock in_prompt -%}
"""


def read_script(path: Path) -> Notebook:
    """Read a script that can be run; RunError says what is wrong with it."""
    content = read_content(path)
    try:
        source = content.decode()
        ast.parse(source)
    except UnicodeDecodeError:
        raise RunError(f"{path.name} is no script: it is not text in UTF-8. Save it as a Python file again.") from None
    except SyntaxError as error:
        raise RunError(f"{path.name} is no Python as it stands: line {error.lineno}: {error.msg}. Mend it.") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path.name} is no Python as it stands: {error}. Mend it.") from None
    cell = _parameters_cell(source)
    if cell is None:
        return Notebook(path=path, content=content, parameters=None)
    found = source[slice(*cell)]
    return Notebook(path=path, content=content, parameters=names_of(found), defaults=defaults_of(found))


def with_parameters(source: str, values: Mapping[str, object]) -> str:
    """A script whose parameters have these values: they are set in a cell below that of the defaults."""
    cell = _parameters_cell(source)
    if cell is None or not values:
        return source
    given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    return f'{source[: cell[1]]}\n# %% tags=["injected-parameters"]\n{given}{source[cell[1] :]}'


def to_script(notebook: str | Path, script: str | Path | None = None) -> Path:
    """Write a notebook's code as a script beside it, or to `script`, with its parameters cell; return the new file.

    RunError where that file is there already, or where a cell needs IPython (`%` and `!` lines), which no script has.
    """
    source = read_notebook(Path(notebook).expanduser().absolute())
    target = Path(script).expanduser().absolute() if script else source.path.with_suffix(".py")
    text = script_of(source)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RunError(f"{target} is there already. Give another name: onramp.to_script({notebook!r}, NAME).") from None
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror}.") from error
    return target


def script_of(source: Notebook) -> str:
    """A notebook's code as a script; RunError where a cell needs IPython."""
    text = _converted(source)
    magic = next((line.strip() for line in text.splitlines() if "get_ipython()" in line), None)
    if magic is not None:
        raise RunError(
            f"{source.path.name} has a line that only a notebook understands: `{magic[:80]}`. Take out the lines that "
            "begin with % or !, save, and make the script again."
        )
    return text


def _converted(notebook: Notebook) -> str:
    # Here, and not above: whoever promotes need not load it.
    import nbformat
    from nbconvert import PythonExporter

    exporter = PythonExporter()
    exporter.raw_template = _TEMPLATE
    text, _ = exporter.from_notebook_node(nbformat.reads(notebook.content.decode(), as_version=4))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n\n# %%\n"


def _parameters_cell(source: str) -> tuple[int, int] | None:
    """Where the parameters cell's lines begin and end; None where there is none, RunError where it has no end."""
    head = _PARAMETERS.search(source)
    if head is None:
        return None
    following = _CELL.search(source, head.end())
    if following is None:  # values set at the end of everything would come too late
        raise RunError("The parameters cell of the script has no end. Put a line `# %%` below the last default.")
    return head.end(), following.start()
