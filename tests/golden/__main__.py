"""Write all golden files anew: `.venv/bin/python -m tests.golden`."""

from tests.golden import FOLDER, cases

for path in FOLDER.glob("*/*.sh"):
    path.unlink()
for case in cases():
    case.path.parent.mkdir(exist_ok=True)
    case.path.write_text(case.text())
