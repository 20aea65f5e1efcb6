"""`hansa get`: any query of any room."""

from collections.abc import Callable
from typing import Any

import click
import msgspec

from hansa.cli.common import (
    Form,
    Language,
    desk,
    form_options,
    json_option,
    offered,
    profile_option,
    show_json,
    show_rows,
)
from hansa.cli.fields import Field, fields_of, given_values, options_of
from hansa.kernel import encode
from hansa.kernel.registry import Registry


class QueryGroup(click.Group):
    """One command for each query of the registry."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(offered().queries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        registry = offered()
        query = registry.queries.get(cmd_name)
        return None if query is None else _command(cmd_name, query, _parameters(registry, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Queries 查询"):
            found = offered().queries
            formatter.write_dl([(name, _summary(found[name])) for name in sorted(found)])


def _parameters(registry: Registry, name: str) -> list[Field]:
    found = registry.arguments(name)
    assert found is not None
    return fields_of(found)


def _summary(query: Callable[..., Any]) -> str:
    return (query.__doc__ or "").strip().split("\n")[0]


@click.group(cls=QueryGroup)
def get() -> None:
    """Ask a room: ROOM.QUERY with its parameters as options. 查询：房间.查询名，参数即选项。"""


def _command(name: str, query: Callable[..., Any], fields: list[Field]) -> click.Command:
    @profile_option
    @form_options
    @json_option
    @click.option("--height", type=click.IntRange(min=0), help="As of this height. 截至某高度。")
    def run(profile_name: str, form: Form, as_json: bool, height: int | None, **options: Any) -> None:
        lang: Language = click.get_current_context().obj
        arguments = encode(given_values(fields, options))
        reading = desk(lang, profile_name).node.read(name, arguments, height)
        value = msgspec.json.decode(reading.value)
        if as_json:
            show_json({"height": reading.height, "time_ms": reading.time_ms, "value": value})
        else:
            show_value(lang, value, form)

    own = list(reversed(run.__click_params__))
    return click.Command(name, callback=run, help=query.__doc__ or name, params=[*options_of(fields), *own])


def show_value(lang: Language, value: Any, form: Form) -> None:
    """An answer as rows where it is a list of records, else as JSON."""
    rows = _as_rows(value)
    if rows is None:
        show_json(value)
        return
    heads = list(dict.fromkeys(name for row in rows for name in row if name != "_type"))
    show_rows(
        lang,
        [(head, head) for head in heads],
        [[row.get(head) for head in heads] for row in rows],
        form,
    )


def _as_rows(value: Any) -> list[dict[str, Any]] | None:
    """Rows of a list of records, each flat, with its key where it has one; None for anything else."""
    if not isinstance(value, list) or not value:
        return None
    rows = []
    for item in value:
        if isinstance(item, dict):
            rows.append(_flat(item))
        elif isinstance(item, list) and len(item) == 2 and isinstance(item[1], dict):
            rows.append({"key": item[0], **_flat(item[1])})
        else:
            return None
    return rows


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            out.update(_flat(value, f"{prefix}{name}."))
        else:
            out[prefix + name] = value
    return out
