--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET standard_conforming_strings = on;

CREATE TABLE public.hydra_client (
    id character varying(255) NOT NULL,
    client_name text NOT NULL
);

--
-- Data for Name: hydra_client; Type: TABLE DATA; Schema: public; Owner: hydra
--

COPY public.hydra_client (id, client_name, client_secret, scope, owner, policy_uri, tos_uri, client_uri, logo_uri, client_secret_expires_at, sector_identifier_uri, jwks, jwks_uri, token_endpoint_auth_method, request_object_signing_alg, userinfo_signed_response_alg, subject_type, pk_deprecated, created_at, updated_at, metadata, token_endpoint_auth_signing_alg, client_credentials_grant_access_token_lifespan, pk, nid, redirect_uris, grant_types, response_types, audience, allowed_cors_origins, contacts, access_token_strategy, skip_consent) FROM stdin;
nightly	Nightly run	$pbkdf2-sha256$i=25000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$3oJ+FIlIdjIJl89z4s2gW+DTmzwyRUAS7/mDljeSlCI	orders:read orders:write						0		{}		client_secret_post		none	public	0	2025-07-29 04:28:22	2025-10-09 21:45:15.378867	{}		1800000000000	e07b0e49-610c-44e1-b0a0-6b2f83eeb00e	e95bff79-a564-4963-9f57-c8d76631d8c7	[]	["client_credentials"]	[]	["https://orders.example.com"]	[]	[]		f
legacy	Legacy	$2b$06$c1VdX22yQaSaDOd.JB58PeJead7o5dL4AEazds38SXqdbTVHdT5gm	orders:read						0		{}		client_secret_basic		none	public	0	2025-07-29 04:28:22	2025-10-09 21:45:15.378867	{}		\N	e07b0e49-610c-44e1-b0a0-6b2f83eeb00e	e95bff79-a564-4963-9f57-c8d76631d8c7	[]	["client_credentials", "refresh_token"]	[]	[]	[]	[]		f
gitea	Gitea	$pbkdf2-sha256$i=25000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$3oJ+FIlIdjIJl89z4s2gW+DTmzwyRUAS7/mDljeSlCI	openid offline						0		{}		client_secret_basic		none	public	0	2025-07-29 04:28:22	2025-10-09 21:45:15.378867	{}		\N	e07b0e49-610c-44e1-b0a0-6b2f83eeb00e	e95bff79-a564-4963-9f57-c8d76631d8c7	[]	["authorization_code"]	[]	[]	[]	[]		f
\.


--
-- Data for Name: hydra_jwk; Type: TABLE DATA; Schema: public; Owner: hydra
--

COPY public.hydra_jwk (sid, kid) FROM stdin;
\.
