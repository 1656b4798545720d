"""The button "Test": a real token, decoded in words; or what one would say, without any secret."""

import json

from starlette.responses import Response

from tokenbooth.console.client_pages import PATH, find, here, title_of
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import ManagementError
from tokenbooth.management.tokens.token_preview import TokenPreview, preview_token
from tokenbooth.management.tokens.token_test import TokenTest, test_token
from tokenbooth.protocol.secret import Secret


async def show(visit: Visit) -> Response:
    """Ask for a secret, or for a preview."""
    return await _page(visit)


async def act(visit: Visit) -> Response:
    """Get a token, or preview one; htmx gets the result alone."""
    api = visit.form.optional("api")
    issuer, client_id = visit.given["issuer"], visit.given["client_id"]
    tested: TokenTest | None = None
    preview: TokenPreview | None = None
    mistake: ManagementError | None = None
    try:
        if visit.form.text("do") == "preview":
            preview = await preview_token(visit.booth, client_id, issuer=issuer, api=api)
        else:
            tested = await test_token(
                visit.booth,
                visit.service,
                client_id,
                Secret(visit.form.text("secret")),
                issuer=issuer,
                api=api,
            )
    except ManagementError as error:
        mistake = error
    return await _page(visit, tested=tested, preview=preview, mistake=mistake)


async def _page(
    visit: Visit,
    *,
    tested: TokenTest | None = None,
    preview: TokenPreview | None = None,
    mistake: ManagementError | None = None,
) -> Response:
    client = await find(visit)
    return visit.render(
        "clients/test_result.html" if visit.is_fragment else "clients/test.html",
        status=200 if mistake is None else status_of(mistake),
        client=client,
        title=title_of(client),
        base=here(visit),
        api=visit.form.text("api") or visit.query.get("api", ""),
        tested=tested,
        preview=preview,
        claims="" if preview is None else json.dumps(preview.claims, indent=2, ensure_ascii=False),
        mistake=str(mistake or ""),
    )


PAGES = (Page(path=f"{PATH}/test", show=show, act=act, right="clients:read"),)
