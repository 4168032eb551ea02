"""A hook of mkdocs: pages that are written elsewhere in the repository, with their links turned to the site.

The recipes stand in CONTRIBUTING.md, where somebody who changes the code looks for them, and the command
line tells itself; neither is written twice.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PREVIEW = ROOT / "liqcore" / "charts" / "assets" / "preview.jpg"
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that other files make."""
    from mkdocs.structure.files import File

    for place, text in made().items():
        files.append(File.generated(config, place, content=text))
    files.append(File.generated(config, "pictures/preview.jpg", abs_src_path=str(PREVIEW)))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """What a pasted link shows. Its picture needs a whole address, so it is named where `site_url` is set."""
    told = {
        "og:site_name": config.site_name,
        "og:title": page.title,
        "og:description": config.site_description,
    }
    if config.site_url:
        told["og:image"] = f"{config.site_url.rstrip('/')}/pictures/preview.jpg"
    tags = "".join(f'<meta property="{key}" content="{escape(value)}">' for key, value in told.items())
    return output.replace("</head>", f"{tags}</head>", 1)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to the recipes lead to their page in the site."""
    return markdown.replace("](../CONTRIBUTING.md", "](how-to/add.md")


def made() -> dict[str, str]:
    """Address in the site → Markdown of the pages that are made."""
    return {"how-to/add.md": recipes(), "reference/cli.md": commands()}


def recipes() -> str:
    """CONTRIBUTING.md; links into the site stay links, others become names of files."""

    def turned(found: re.Match[str]) -> str:
        words, target = found.groups()
        inside = target.startswith("docs/")
        return f"[{words}](../{target.removeprefix('docs/')})" if inside else f"{words} (`{target}`)"

    return _LINK.sub(turned, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def commands() -> str:
    """What every command of `heatlab` says of itself."""
    import typer

    from liqcore import cli

    group: Any = typer.main.get_command(cli._app)
    out = ["# Command line", "", "`heatlab COMMAND --help` says the same.", ""]
    for name, command in sorted(group.commands.items()):
        words = [_usage(part) for part in command.params if part.param_type_name == "argument"]
        usage = " ".join(["heatlab", name, *words, "[OPTIONS]"])
        out += [f"## heatlab {name}", "", command.help or "", "", f"    {usage}", ""]
        out += [f"- `{_usage(part)}` {getattr(part, 'help', None) or ''}".rstrip() for part in command.params]
        out.append("")
    return "\n".join(out)


def _usage(part: Any) -> str:
    if part.param_type_name == "argument":
        word = str(part.name).strip("_").upper()
        return f"{word}…" if part.nargs == -1 else word
    return str(part.opts[0])
