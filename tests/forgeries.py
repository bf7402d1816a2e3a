"""Access tokens that nobody may accept: made from what an attacker has, and from what an issuer signs for others."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from joserfc import jwe
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

_OTHER_RSA = RSAKey.generate_key(2048)
_OTHER_EC = ECKey.generate_key("P-256")
_DEEP = 2_000
Claims = Mapping[str, Any]
_LEFT_OUT = object()


class Forge(NamedTuple):
    """What an issuer signs with, for whom its tokens are, and an address at which nobody may ever ask.

    Both keys are published with their ids; `at` is the time, in seconds.
    """

    rsa: RSAKey
    ed25519: OKPKey
    issuer: str
    audience: str
    subject: str
    at: int
    trap: str

    def genuine(self, **claims: Any) -> str:
        """A token with nothing wrong in it, but for these claims."""
        return self.token(claims=claims)

    def token(
        self,
        header: Claims | None = None,
        claims: Claims | None = None,
        key: Key | bytes | None = None,
        algorithm: str = "RS256",
    ) -> str:
        """A token signed by a key and algorithm, whatever its header says."""
        parts = [
            _changed({"alg": algorithm, "kid": self.rsa.thumbprint(), "typ": "at+jwt"}, header or {}),
            _changed(self._claims(), claims or {}),
        ]
        return signed(".".join(_encoded(json.dumps(part)) for part in parts), key or self.rsa, algorithm)

    def corpus(self) -> dict[str, str]:
        """Forged tokens by what is wrong with them."""
        return {
            **self._algorithms(),
            **self._key_ids(),
            **self._keys_brought_along(),
            **self._types(),
            **self._claims_of_others(),
            **self._times(),
            **self._signatures(),
            **self._shapes(),
        }

    def _claims(self) -> dict[str, Any]:
        return {
            "iss": self.issuer,
            "aud": [self.audience],
            "sub": self.subject,
            "iat": self.at - 10,
            "exp": self.at + 600,
            "jti": "1",
            "client_id": "cli",
            "scope": "openid",
        }

    def _algorithms(self) -> dict[str, str]:
        pem, jwk = self.rsa.as_pem(private=False), json.dumps(self.rsa.as_dict(private=False)).encode()
        modulus = self.rsa.public_key.public_numbers().n.to_bytes(256, "big")
        none = [_encoded(json.dumps({"alg": "none", "typ": "at+jwt"})), _encoded(json.dumps(self._claims()))]
        kid = {"kid": self.ed25519.thumbprint()}
        return {
            "alg none": ".".join([*none, ""]),
            "alg none with a key's id": self.token({"alg": "none"}).rpartition(".")[0] + ".",
            "alg none and a signature": self.token({"alg": "none"}),
            "alg None": self.token({"alg": "None"}),
            "alg nOnE": self.token({"alg": "nOnE"}).rpartition(".")[0] + ".AA",
            "alg HS256 by the public key in PEM": self.token(key=pem, algorithm="HS256"),
            "alg HS256 by the public key in JSON": self.token(key=jwk, algorithm="HS256"),
            "alg HS256 by the modulus": self.token(key=modulus, algorithm="HS256"),
            "alg HS512 by the public key in PEM": self.token(key=pem, algorithm="HS512"),
            "alg HS256 by an Ed25519 key": self.token(kid, None, str(self.ed25519.as_dict()["x"]).encode(), "HS256"),
            "alg RS512, which is not agreed": self.token(algorithm="RS512"),
            "alg PS256, which is not agreed": self.token(algorithm="PS256"),
            "alg ES256 by another key": self.token(key=_OTHER_EC, algorithm="ES256"),
            "alg ES256 and the id of the RSA key": self.token({"alg": "ES256"}),
            "alg EdDSA and the id of the RSA key": self.token(key=self.ed25519, algorithm="EdDSA"),
            "alg EdDSA, signed by RSA": self.token({"alg": "EdDSA"} | kid),
            "alg RS256, signed by Ed25519": self.token({"alg": "RS256"} | kid, None, self.ed25519, "EdDSA"),
            "alg in lower case": self.token({"alg": "rs256"}),
            "alg with a space": self.token({"alg": "RS256 "}),
            "alg is a list": self.token({"alg": ["RS256"]}),
            "alg is null": self.token({"alg": None}),
            "no alg": self.token({"alg": _LEFT_OUT}),
        }

    def _key_ids(self) -> dict[str, str]:
        wrong = {
            "unknown": "unknown",
            "empty": "",
            "a number": 1,
            "null": None,
            "a list": [self.rsa.thumbprint()],
            "a path": "../../../../dev/null",
            "SQL": "' OR 1=1 --",
            "an address": self.trap,
            "of the other key": self.ed25519.thumbprint(),
            "in upper case": self.rsa.thumbprint().upper(),
        }
        return {"no kid": self.token({"kid": _LEFT_OUT})} | {
            f"kid {name}": self.token({"kid": kid}) for name, kid in wrong.items()
        }

    def _keys_brought_along(self) -> dict[str, str]:
        jwk = _OTHER_RSA.as_dict(private=False)
        brought: dict[str, Any] = {"jwk": jwk, "jku": self.trap, "x5u": self.trap, "x5c": ["MIIB"]}
        refused = {"crit": ["exp"], "b64": False, "zip": "DEF"}
        return {
            **{f"{name} of another key": self.token({name: value}, key=_OTHER_RSA) for name, value in brought.items()},
            **{
                f"{name} of another key, and an id of its own": self.token(
                    {name: value, "kid": _OTHER_RSA.thumbprint()}, key=_OTHER_RSA
                )
                for name, value in brought.items()
            },
            **{f"{name} beside a good signature": self.token({name: value}) for name, value in brought.items()},
            **{f"{name} beside a good signature": self.token({name: value}) for name, value in refused.items()},
            "crit of something unknown": self.token({"crit": ["x"], "x": 1}),
            "crit that is empty": self.token({"crit": []}),
        }

    def _types(self) -> dict[str, str]:
        client = {"iss": "cli", "sub": "cli", "aud": self.issuer}
        events = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "1"}
        identity = {"aud": "cli", "nonce": "n", "at_hash": "x"}
        return {
            "an ID token": self.token({"typ": "JWT"}, identity),
            "an ID token for us": self.token({"typ": "JWT"}, identity | {"aud": self.audience}),
            "an ID token of another type": self.token(claims=identity | {"aud": self.audience}),
            "a logout token": self.token({"typ": "logout+jwt"}, events),
            "a logout token of another type": self.token(claims=events),
            "a client's assertion": self.token({"typ": "JWT"}, client),
            "a client's assertion by another key": self.token({"typ": "client-authentication+jwt"}, client, _OTHER_RSA),
            "an answer of introspection": self.token({"typ": "token-introspection+jwt"}),
            "a security event": self.token({"typ": "secevent+jwt"}),
            "an authorization request": self.token({"typ": "oauth-authz-req+jwt"}),
            "a proof of possession": self.token({"typ": "dpop+jwt"}),
            "a token that is bound to a key": self.token(claims={"cnf": {"jkt": "x"}}),
            "a refresh token": self.token(claims={"typ": "Refresh"}),
            "no typ": self.token({"typ": _LEFT_OUT}),
            "typ JWT": self.token({"typ": "JWT"}),
            "typ is a number": self.token({"typ": 1}),
            "typ of something else that ends so": self.token({"typ": "text/at+jwt"}),
        }

    def _claims_of_others(self) -> dict[str, str]:
        wrong: dict[str, tuple[Any, ...]] = {
            "iss": (
                "https://strange.example",
                f"{self.issuer}/",
                self.issuer.upper(),
                1,
                None,
                [self.issuer],
                _LEFT_OUT,
            ),
            "aud": ("other", f"{self.audience}x", [], [self.audience, 1], {}, 1, None, _LEFT_OUT),
            "sub": ("", 1, None, [self.subject], {}, "x" * 201, _LEFT_OUT),
        }
        return {
            f"{name} {number}": self.token(claims={name: value})
            for name, values in wrong.items()
            for number, value in enumerate(values)
        }

    def _times(self) -> dict[str, str]:
        far = [str(self.at + 600), True, None, [], -1, float("nan"), float("inf"), 10**400, 2**80, _LEFT_OUT]
        late = [self.at + 31, str(self.at - 10), True, None, 10**400]
        wrong: dict[str, list[Any]] = {"exp": [self.at, self.at - 1, 0, *far], "nbf": late, "iat": late}
        return {
            f"{name} {number}": self.token(claims={name: value})
            for name, values in wrong.items()
            for number, value in enumerate(values)
        }

    def _signatures(self) -> dict[str, str]:
        head, claims, signature = self.genuine().split(".")
        other_head, other_claims, _ = self.token({"typ": "application/at+jwt"}, {"sub": "admin"}).split(".")
        changed = ("A" if signature[10] != "A" else "B").join([signature[:10], signature[11:]])
        return {
            "a signature that is cut": f"{head}.{claims}.{signature[:-8]}",
            "a signature of half the length": f"{head}.{claims}.{signature[: len(signature) // 2]}",
            "a changed signature": f"{head}.{claims}.{changed}",
            "a signature of zeros": f"{head}.{claims}.{'A' * len(signature)}",
            "a signature that goes on": f"{head}.{claims}.{signature}AAAA",
            "no signature": f"{head}.{claims}.",
            "other claims": f"{head}.{other_claims}.{signature}",
            "another header": f"{other_head}.{claims}.{signature}",
            "another key": self.token(key=_OTHER_RSA),
        }

    def _shapes(self) -> dict[str, str]:
        genuine = self.genuine()
        head, claims, signature = genuine.split(".")
        good = json.dumps(self._claims())
        twice = {name: good[:-1] + f', "{name}": {json.dumps(self._claims()[name])}}}' for name in ("sub", "exp")}
        header = f'{{"alg": "RS256", "kid": "{self.rsa.thumbprint()}", "typ": "at+jwt", "alg": "RS256"}}'
        payloads = {"a text": '"x"', "a list": f"[{good}]", "nothing": "", "not JSON": good[:-1], "deep": "[" * _DEEP}
        encrypted = jwe.encrypt_compact({"alg": "RSA-OAEP-256", "enc": "A256GCM"}, good, self.rsa, _JWE)
        return {
            "two parts": f"{head}.{claims}",
            "four parts": f"{genuine}.{signature}",
            "five parts": encrypted,
            "a dot before": f".{genuine}",
            "a dot behind": f"{genuine}.",
            "padding": f"{genuine}=",
            "another alphabet": f"{head}.{claims}.{signature[:-4]}+/AA",
            **{f"claims with {name} twice": self._raw(payload) for name, payload in twice.items()},
            "a header with alg twice": signed(f"{_encoded(header)}.{claims}", self.rsa, "RS256"),
            "a header that is a list": signed(f"{_encoded('[]')}.{claims}", self.rsa, "RS256"),
            **{f"claims that are {name}": self._raw(payload) for name, payload in payloads.items()},
            "claims in UTF-16": signed(f"{head}.{_base64(good.encode('utf-16'))}", self.rsa, "RS256"),
        }

    def _raw(self, payload: str) -> str:
        return signed(f"{self.genuine().split('.')[0]}.{_encoded(payload)}", self.rsa, "RS256")


_JWE = ["RSA-OAEP-256", "A256GCM"]


def signed(signing_input: str, key: Key | bytes, algorithm: str) -> str:
    """A token of these parts, signed whatever they say; the keys of HS256 and HS512 are bytes."""
    if isinstance(key, bytes):
        signature = hmac.digest(key, signing_input.encode(), f"sha{algorithm[2:]}")
    else:
        signature = JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), key)
    return f"{signing_input}.{_base64(signature)}"


def _changed(values: dict[str, Any], changes: Claims) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not _LEFT_OUT}


def _encoded(text: str) -> str:
    return _base64(text.encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
