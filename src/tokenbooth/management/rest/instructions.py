"""/clients/{client_id}/instructions: ready code for a client, and what its token would contain."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tokenbooth.management.instructions import Instructions, instructions_for
from tokenbooth.management.instructions.snippet import MEDIA_TYPES
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import OneIssuer
from tokenbooth.management.rest.problems import responses
from tokenbooth.management.tokens import token_preview
from tokenbooth.management.tokens.token_preview import TokenPreview

router = APIRouter(prefix="/clients/{client_id}", tags=["clients"])

OneApi = Annotated[str | None, Query(description="To call this API; left out: the first one.")]


@router.get("/instructions", dependencies=[require("clients:read")], responses=responses(404))
async def show_instructions(
    booth: BoothHere, client_id: str, issuer: OneIssuer = None, api: OneApi = None
) -> Instructions:
    """Show code and files with which the client gets a token and calls an API; never a secret."""
    return await instructions_for(booth, client_id, issuer=issuer, api=api)


@router.get(
    "/instructions/{format_id}",
    dependencies=[require("clients:read")],
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {"text/plain": {}, "application/json": {}},
        },
        **responses(404),
    },
)
async def download_instructions(
    booth: BoothHere,
    client_id: str,
    format_id: str,
    issuer: OneIssuer = None,
    api: OneApi = None,
) -> Response:
    """Download one of them as a file, like `curl`, `python` or `postman`."""
    written = await instructions_for(booth, client_id, issuer=issuer, api=api)
    snippet = written.snippet(format_id)
    return Response(
        snippet.text,
        media_type=MEDIA_TYPES.get(snippet.language, "text/plain"),
        headers={"Content-Disposition": f'attachment; filename="{snippet.filename}"'},
    )


@router.get("/token-preview", dependencies=[require("clients:read")], responses=responses(404))
async def preview_token(
    booth: BoothHere, client_id: str, issuer: OneIssuer = None, api: OneApi = None
) -> TokenPreview:
    """Show what a token for the client would contain, without issuing one."""
    return await token_preview.preview_token(booth, client_id, issuer=issuer, api=api)
