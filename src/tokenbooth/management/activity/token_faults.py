"""What can be wrong with a token, an assertion or a proof, in words that follow its name."""

FAULTS = {
    "expired": "has expired",
    "not_yet_valid": "is from the future: check the clocks",
    "lives_too_long": "is valid for too long: give it a few minutes",
    "wrong_time": "is not of this moment: check the clock, and make a new one for each request",
    "wrong_type": "is of another kind: its typ, or where it is sent, is wrong",
    "wrong_issuer": "is of another issuer",
    "wrong_audience": "is meant for somebody else: its aud is not the one that it is shown to",
    "wrong_client": "names another client: its iss and sub must both be the client ID",
    "wrong_method": "is for a request with another HTTP method",
    "wrong_url": "is for a request to another URL",
    "wrong_nonce": "is an answer to another question: its nonce is not the one that was sent",
    "wrong_party": "was made for another party: its azp is not the one that it is shown to",
    "signed_in_too_long_ago": "is of somebody who signed in too long ago: sign in again",
    "wrong_token": "is for another access token",
    "wrong_algorithm": "is signed with an algorithm that is not accepted for this key",
    "unsigned": "is not signed",
    "bad_signature": "is not signed with the key that it names",
    "bad_seal": "was altered, or was sealed by another service",
    "unknown_key": "is signed with a key that is not known here",
    "unknown_client": "names a client that does not exist",
    "unknown_extension": "demands an extension that is not known here",
    "unknown_confirmation": "is bound in a way that is not known here",
    "no_key": "holds no public key",
    "bad_key": "holds a key that cannot be used",
    "private_key": "holds a private key: replace that key, it is known to others now",
    "no_proof": "is missing",
    "several_proofs": "is there more than once",
    "replayed": "was used before",
    "malformed": "is not well-formed",
    "too_long": "is longer than any can be",
    "claim_missing": "lacks a claim that it must have",
    "claim_invalid": "has a claim that cannot be",
    "revoked": "was revoked, or its client or credential has ended",
    "client_disabled": "is of a client that is disabled",
    "not_for_this_client": "was not meant for this client",
    "not_for_this_caller": "is none that the caller may ask about",
    "expired_credential": "fits a credential that has expired",
}

_NEW_ASSERTION = "Sign a new one; its iss and sub are the client ID, its aud is the issuer's URL."
_EXCHANGED = (
    "Exchange a good token, issued here, for an API that this client serves or may exchange."
)

# What the beginnings of reasons are about, and what to do.
ABOUT = {
    "assertion_": ("The assertion", _NEW_ASSERTION),
    "refresh_": (
        "The refresh token",
        "Get a new token by client credentials, and go on with that.",
    ),
    "proof_": (
        "The DPoP proof",
        "Make a new proof for each request.",
    ),
    "registration_": (
        "The token of the registration",
        "Ask for another one: tokenbooth registrations create-token.",
    ),
    "subject_token_": ("The subject_token", _EXCHANGED),
    "actor_token_": ("The actor_token", _EXCHANGED),
}
