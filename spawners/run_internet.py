"""Whether a notebook fetches something while it runs, as far as its text tells. Pure."""

import re
from typing import NamedTuple

from spawners.run_notebook import Notebook, code_cells

# What fetches by itself; a name alone, such as `requests`, does not. A comment is no code.
_FETCHES = re.compile(
    r"^\s*[!%]\s*(pip|conda|mamba|uv pip|apt|apt-get) install\b|^\s*[!%]\s*(wget|curl|git clone)\b"
    r"|\b(urlopen|urlretrieve|read_csv|read_parquet|read_json)\(\s*f?[\"'](https?|ftp)://"
    r"|\b(requests|httpx)\.(get|post)\(|\bdownload\s*=\s*True\b"
    r"|\b(load_dataset|snapshot_download|hf_hub_download|fetch_openml)\("
    r"|\bfrom_pretrained\((?![^)\n]*local_files_only\s*=\s*True)\s*[\"'](?![./~])"
)


class Fetch(NamedTuple):
    """A line that fetches something: which code cell it is in, from 1, and what it says."""

    cell: int
    line: str


def fetches(notebook: Notebook) -> Fetch | None:
    """The first line that fetches something; None where nothing tells of any."""
    for number, source in enumerate(code_cells(notebook), 1):
        for line in source.splitlines():
            if not line.lstrip().startswith("#") and _FETCHES.search(line):
                return Fetch(number, line.strip()[:80])
    return None
