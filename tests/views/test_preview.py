"""What a pasted link shows: the tags of Streamlit's own page, and the picture they name."""

import re
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from liqcore.views.preview import Preview
from liqcore.views.shell import PAGES

PAGE = "<html><head><title>Streamlit</title></head><body></body></html>"


@pytest.fixture
def client() -> TestClient:
    async def page(request):
        return HTMLResponse(PAGE, headers={"etag": "one", "last-modified": "then"})

    async def health(request):
        return JSONResponse({"title": "<title>Streamlit</title>", "asked": dict(request.headers)})

    async def missing(request):
        return HTMLResponse(PAGE, status_code=404)

    async def plain(request):
        return PlainTextResponse(PAGE)

    routes = [Route("/_stcore/health", health), Route("/lab", missing), Route("/live", plain)]
    routes.append(Route("/{rest:path}", page))
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Preview)]), "http://maps.example:8080")


def tags(text: str) -> dict[str, str]:
    return dict(re.findall(r'<meta property="([^"]+)" content="([^"]*)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_page_names_it_and_shows_the_picture(client: TestClient, page) -> None:
    if page.name in ("lab", "live"):
        assert client.get(f"/{page.name}").text == PAGE, "only a whole page of HTML is changed"
        return
    answer = client.get(f"/{page.name}?data=calm", headers={"if-none-match": "one"})
    found = tags(answer.text)
    assert page.title in found["og:title"] or page is PAGES[0]
    assert found["og:image"] == "http://maps.example:8080/preview.jpg"
    assert found["og:url"] == f"http://maps.example:8080/{page.name}"
    assert "<title>Streamlit</title>" not in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert not {"etag", "last-modified"} & set(answer.headers)


def test_behind_a_door_with_tls_the_picture_is_asked_for_there(client: TestClient) -> None:
    found = tags(client.get("/", headers={"x-forwarded-proto": "https"}).text)
    assert found["og:image"].startswith("https://maps.example:8080/")


@pytest.mark.parametrize("host", ['x"><script>alert(1)</script>', "a b", "", "user@host", "host/path"])
def test_what_is_no_host_is_not_written_into_the_page(client: TestClient, host: str) -> None:
    text = client.get("/risk", headers={"host": host}).text
    assert "og:title" in tags(text)
    assert "og:image" not in tags(text)
    assert "<script" not in text


@pytest.mark.parametrize("path", ["/_stcore/health", "/static/js/index.js", "/nowhere", "/risk/more"])
def test_all_else_passes_as_it_is(client: TestClient, path: str) -> None:
    text = client.get(path).text
    assert not tags(text)
    assert "<title>Streamlit</title>" in text


def test_the_picture_has_the_size_that_is_told(client: TestClient, tmp_path: Path) -> None:
    answer = client.get("/preview.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    (tmp_path / "p.jpg").write_bytes(answer.content)
    with Image.open(tmp_path / "p.jpg") as picture:
        assert picture.size == (1280, 640)
    assert len(answer.content) < 300_000
    found = tags(client.get("/").text)
    assert (found["og:image:width"], found["og:image:height"]) == ("1280", "640")
