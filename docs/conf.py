"""How is the site built? `make docs`: MyST pages, reference pages made from the package, the examples run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "_ext"))

import gallery

from rdkit_ebd import __version__

project = "rdkit_ebd"
author = "The rdkit_ebd developers"
copyright = "the rdkit_ebd developers, MIT licence"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "reference_pages",
]
exclude_patterns = ["_build", "_ext", "gallery_header.rst", "gallery/*.ipynb", "gallery/*.py", "gallery/*.zip"]
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions, which cannot be cached

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
smartquotes = False  # "--option" stays what it is
highlight_language = "none"  # blocks without a language are commands and output
default_role = "code"  # single backticks in docstrings are code, as in Markdown

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"rdkit_ebd {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {
    "source_repository": "https://github.com/rdkit-ebd/rdkit-ebd/",
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Examples run in a copy of their folder, so that the files that they write stay out of the sources.
EXAMPLES = DOCS / "_build" / "examples"
gallery.copy_examples(ROOT / "examples", EXAMPLES, DOCS / "gallery_header.rst")
sphinx_gallery_conf: dict[str, Any] = {
    "examples_dirs": [str(EXAMPLES)],
    "gallery_dirs": ["gallery"],
    "filename_pattern": rf"[\\/]({'|'.join(gallery.RUN)})\.py$",
    "within_subsection_order": "gallery.Order",
    "image_scrapers": ("gallery.scrape",),
    "matplotlib_animations": False,
    "reset_modules": (),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "copyfile_regex": "",
    "log_level": {"backreference_missing": "info"},
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "capture_repr": (),
    "nested_sections": False,
}
