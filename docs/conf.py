"""How `./onramp docs` makes the pages: plain Markdown as it lies in the repository, README included.

The source folder is the repository and not docs/, so that one link serves on disk, on a forge and here.
"""

project = "Onramp"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click", "sphinx_external_toc"]
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [".*", "build", "curricula", "hub_config", "notebooks", "spawners", "tests"]
external_toc_path = "docs/toc.yml"

myst_heading_anchors = 3
default_role = "code"  # docstrings have `names` in single backticks
nitpick_ignore_regex = [("py:class", r"(?!onramp\.).*")]  # only what learners import has a page here

html_theme = "furo"
html_title = "Onramp"
html_static_path = ["site/onramp.css"]
html_css_files = ["onramp.css"]
html_extra_path = ["site/index.html"]  # leads to docs/index.html
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    # As the hub's own pages, by day and by night: hub_config/pages/static/onramp.css.
    "light_css_variables": {"color-brand-primary": "#1b4b9b", "color-brand-content": "#1b4b9b"},
    "dark_css_variables": {"color-brand-primary": "#9cc0ff", "color-brand-content": "#9cc0ff"},
}
