"""The pages of docs/reference are what the code declares."""

import pytest

from docs import generate
from hansa.apps.rooms import registry
from hansa.kernel.refusal import CATALOGUE

PAGES = generate.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_what_the_code_generates(name: str) -> None:
    written = (generate.REFERENCE / name).read_text("utf-8")
    assert written == PAGES[name], f"docs/reference/{name} is out of date: run `make docs`"


def test_no_generated_page_is_left_over() -> None:
    found = {
        page.name
        for page in generate.REFERENCE.glob("*.md")
        if page.read_text("utf-8").startswith(generate.HEAD)
    }
    assert found == {name for name in PAGES if name.endswith(".md")}


def test_every_action_query_table_and_refusal_is_on_its_page() -> None:
    rooms = registry()
    named = [
        *((tag, "actions.md") for tag in rooms.tags),
        *((name, "queries.md") for name in rooms.queries),
        *((name, "records.md") for name in rooms.tables),
        *((code, "refusals.md") for code, kind in CATALOGUE.items() if kind.__module__.startswith("hansa.")),
        *((generate.tag_of(event), "events.md") for room in rooms.rooms for event in room.events),
    ]
    assert [f"{name} on {page}" for name, page in named if f"`{name}`" not in PAGES[page]] == []


def test_every_type_that_a_page_names_is_explained() -> None:
    rooms = registry()
    roots = [*rooms.actions, *(table.record for table in rooms.tables.values())]
    inner = {part.__name__ for root in roots for part in generate.parts(root)} - {r.__name__ for r in roots}
    assert [name for name in sorted(inner) if f"### `{name}`" not in PAGES["types.md"]] == []


def test_a_field_is_shown_with_type_default_and_meaning() -> None:
    assert "| `integrated` | `bool` | `False` | Computed from another quantity" in PAGES["records.md"]
