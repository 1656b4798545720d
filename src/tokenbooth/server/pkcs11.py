"""Keys that live in a device (PKCS#11 3.0): made there, used there, never seen here."""

import asyncio
import contextlib
import hashlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, TypeVar

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import VerificationKey, verification_key
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.secret_source import SecretUnavailable, secret_reader
from tokenbooth.server.logs import get_logger
from tokenbooth.server.pkcs11_uri import Pkcs11Uri
from tokenbooth.server.signing import SignerUnavailable

if TYPE_CHECKING:
    import pkcs11

DEVICE_ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
SIGN_SECONDS = 5.0
MAX_WAITING = 256

_P256 = bytes.fromhex("06082a8648ce3d030107")
# By its OID: the library does not know its name, and devices do not know a printed one.
_ED25519 = bytes.fromhex("06032b6570")
_RSA_BITS = 2048
_PROBE = b"tokenbooth"

T = TypeVar("T")


class DeviceRefused(Exception):
    """The device cannot be used; the text is for the operator."""


class _PinRefused(DeviceRefused):
    """Trying again would lock the device."""


@dataclass(frozen=True, slots=True)
class Pkcs11Signer:
    """Signs in a device. The public key is known without it, and stays published without it."""

    public: VerificationKey
    uri: Pkcs11Uri = field(repr=False)

    async def sign(self, data: bytes) -> bytes:
        """Return the device's signature; raises SignerUnavailable."""
        try:
            return await _device_signature(self.uri, self.public.alg, data)
        except DeviceRefused as error:
            get_logger().error("signer_unavailable", kid=self.public.kid, reason=str(error))
            raise SignerUnavailable("The signing key cannot be used now; try again.") from error

    async def check(self) -> None:
        """Have the device sign something; raises SignerUnavailable."""
        await self.sign(_PROBE)


async def key_in_device(uri: Pkcs11Uri, alg: str, *, label: str) -> Pkcs11Signer:
    """Make a key in the device, or take the one that `uri` names; raises DeviceRefused.

    Its private half never leaves the device, and Tokenbooth never deletes it there.
    """
    if alg not in DEVICE_ALGORITHMS:
        raise DeviceRefused(f"Keys in devices sign with {', '.join(DEVICE_ALGORITHMS)} only.")
    device = device_at(uri)
    signer = await asyncio.wrap_future(device.submit(lambda: device.key(uri, alg, label)))
    signature = await _device_signature(signer.uri, alg, _PROBE)
    if not signer.public.verify(_PROBE, signature):
        raise DeviceRefused("The device's signatures do not verify with its public key.")
    return signer


async def _device_signature(uri: Pkcs11Uri, alg: str, data: bytes) -> bytes:
    device = device_at(uri)
    work = asyncio.wrap_future(device.submit(lambda: device.sign(uri, alg, data)))
    try:
        return await asyncio.wait_for(work, SIGN_SECONDS)
    except TimeoutError as error:
        raise DeviceRefused(f"The device gave no answer within {SIGN_SECONDS:g} s.") from error


_devices: dict[str, "_Device"] = {}
_making = threading.Lock()


def device_at(uri: Pkcs11Uri) -> "_Device":
    """Return the one device thread of this process for that driver."""
    with _making:
        if uri.module_path not in _devices:
            _devices[uri.module_path] = _Device(uri.module_path)
        return _devices[uri.module_path]


class _Device:
    """All calls to one driver, in one thread.

    python-pkcs11 tells drivers that there is only one thread, so with two they crash.
    """

    def __init__(self, module_path: str) -> None:
        self._path = module_path
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(MAX_WAITING)
        self._library: Any = None  # has no static type of its own
        self._sessions: dict[tuple[str | None, str | None], pkcs11.Session] = {}
        self._keys: dict[Pkcs11Uri, Any] = {}
        self._refused_pins: dict[tuple[str | None, str | None], Secret] = {}
        # A daemon: a device that hangs must not keep the service from ending.
        threading.Thread(target=self._work, name="pkcs11", daemon=True).start()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Have the work done in the device's thread."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return  # who asked has given up
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits
                future.set_exception(error)

        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            future.set_exception(DeviceRefused("Too many signatures wait for the device."))
        return future

    def sign(self, uri: Pkcs11Uri, alg: str, data: bytes) -> bytes:
        """Sign; a lost session is opened again once. In the device's thread only."""
        was_open = bool(self._sessions)
        try:
            return self._guarded(lambda: self._sign_once(uri, alg, data))
        except _PinRefused:
            raise
        except DeviceRefused:
            self._forget()
            if not was_open:
                raise
            return self._guarded(lambda: self._sign_once(uri, alg, data))

    def key(self, uri: Pkcs11Uri, alg: str, label: str) -> Pkcs11Signer:
        """Make or find a key, and read its public half. In the device's thread only."""
        return self._guarded(lambda: self._key_once(uri, alg, label))

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            from pkcs11.exceptions import PKCS11Error
        except ImportError as error:
            raise DeviceRefused(
                "Keys in devices need an extra: pip install 'tokenbooth[pkcs11]'."
            ) from error
        try:
            return work()
        except (PKCS11Error, SecretUnavailable, KeyRefused) as error:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            raise DeviceRefused(f"The device at {self._path} refused: {what}") from error

    def _forget(self) -> None:
        """Start anew: the device may have been restarted, and old handles mean nothing."""
        self._keys.clear()
        self._sessions.clear()
        library, self._library = self._library, None
        if library is not None:
            with contextlib.suppress(DeviceRefused):  # it has gone, and cannot be taken leave of
                self._guarded(library.finalize)

    def _session(self, uri: Pkcs11Uri) -> "pkcs11.Session":
        import pkcs11

        name = (uri.token, uri.serial)
        if name not in self._sessions:
            self._library = pkcs11.lib(self._path)  # initialised anew, where that is needed
            serial = uri.serial.encode() if uri.serial is not None else None
            token = self._library.get_token(token_label=uri.token, token_serial=serial)
            self._sessions[name] = self._logged_in(token, name, uri)
        return self._sessions[name]

    def _logged_in(
        self, token: "pkcs11.Token", name: tuple[str | None, str | None], uri: Pkcs11Uri
    ) -> "pkcs11.Session":
        import pkcs11

        if uri.pin_source is None:
            return token.open(rw=True)
        pin = secret_reader(uri.pin_source)()
        # Devices lock themselves after a few wrong PINs: the same one is not tried again.
        if self._refused_pins.get(name) == pin:
            raise _PinRefused("The PIN was refused before; it is not tried again.")
        try:
            return token.open(rw=True, user_pin=pin.reveal())
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLenRange) as error:
            self._refused_pins[name] = pin
            raise _PinRefused("The device refused the PIN.") from error

    def _sign_once(self, uri: Pkcs11Uri, alg: str, data: bytes) -> bytes:
        import pkcs11
        from pkcs11 import MGF, Mechanism

        key: Any = self._keys.get(uri)
        if key is None:
            key = self._session(uri).get_key(
                object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=uri.label, id=uri.id
            )
            self._keys[uri] = key
        if alg == "ES256":
            digest = hashlib.sha256(data).digest()
            return bytes(key.sign(digest, mechanism=Mechanism.ECDSA))
        if alg == "EdDSA":
            return bytes(key.sign(data, mechanism=Mechanism.EDDSA))
        if alg == "RS256":
            return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
        salted = (Mechanism.SHA256, MGF.SHA256, 32)
        mechanism = Mechanism.SHA256_RSA_PKCS_PSS
        return bytes(key.sign(data, mechanism=mechanism, mechanism_param=salted))

    def _key_once(self, uri: Pkcs11Uri, alg: str, label: str) -> Pkcs11Signer:
        import pkcs11

        session = self._session(uri)
        if uri.names_a_key:
            public = session.get_key(
                object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=uri.label, id=uri.id
            )
            return Pkcs11Signer(_public_key(public, alg), uri)
        named = Pkcs11Uri(
            token=uri.token,
            serial=uri.serial,
            label=label,
            id=token_bytes(16),
            module_path=uri.module_path,
            pin_source=uri.pin_source,
        )
        return Pkcs11Signer(_public_key(_generate(session, alg, named), alg), named)


def _generate(session: "pkcs11.Session", alg: str, uri: Pkcs11Uri) -> "pkcs11.PublicKey":
    from pkcs11 import Attribute, KeyType, Mechanism

    named: dict[str, Any] = {"id": uri.id, "label": uri.label, "store": True}
    if alg in ("PS256", "RS256"):
        public, _ = session.generate_keypair(KeyType.RSA, _RSA_BITS, **named)
        return public
    kind = KeyType.EC if alg == "ES256" else KeyType.EC_EDWARDS
    curve = {Attribute.EC_PARAMS: _P256 if alg == "ES256" else _ED25519}
    if alg == "EdDSA":
        named["mechanism"] = Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    parameters = session.create_domain_parameters(kind, curve, local=True)
    public, _ = parameters.generate_keypair(**named)
    return public


def _public_key(public: "pkcs11.Key", alg: str) -> VerificationKey:
    from pkcs11 import Attribute, KeyType

    if public.key_type is KeyType.RSA:
        modulus, exponent = public[Attribute.MODULUS], public[Attribute.PUBLIC_EXPONENT]
        jwk = {"kty": "RSA", "n": _number(modulus), "e": _number(exponent)}
    elif public.key_type is KeyType.EC and public[Attribute.EC_PARAMS] == _P256:
        point = _point(public[Attribute.EC_POINT], 65)
        jwk = {"kty": "EC", "crv": "P-256", "x": _text(point[1:33]), "y": _text(point[33:])}
    elif public.key_type is KeyType.EC_EDWARDS:
        point = _point(public[Attribute.EC_POINT], 32)
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": _text(point)}
    else:
        raise DeviceRefused("The key in the device is none of P-256, Ed25519 and RSA.")
    return verification_key(jwk, alg=alg)


def _point(value: bytes, size: int) -> bytes:
    # An OCTET STRING by the standard, the bare point by the habit of some devices.
    wrapped = len(value) == size + 2 and value[:2] == bytes((0x04, size))
    return value[2:] if wrapped else value


def _number(value: bytes) -> str:
    return _text(value.lstrip(b"\0"))


def _text(value: bytes) -> str:
    return base64url.encode(value).decode("ascii")
