"""The way into the CRM: the pinned contract, the login, and what its fault codes mean."""

from onevoice.sdk import OperatorError, RefusedError, Settings, TransientError
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.soap import Headers, Soap, SoapSession
from onevoice.sdk.throttle import Throttle

FAULTS = {
    "INVALID_LOGIN": OperatorError,
    "INVALID_TYPE": OperatorError,
    "INVALID_BATCH_SIZE": OperatorError,
    "EXCEEDED_RECORD_LIMIT": OperatorError,
    "INVALID_REQUEST": RefusedError,
    "INVALID_QUERY_LOCATOR": TransientError,
}


def open_session(settings: Settings, manifest: Manifest) -> SoapSession:
    """Return a session that logs in when it is first used.

    Raises:
        ConfigurationError: the endpoint is no address, or the WSDL is not the pinned one.
    """
    soap = Soap(
        manifest.wsdl(),
        checked_address(settings.values["endpoint"], "endpoint"),
        system=settings.system,
        exchange=Exchange(throttle=Throttle(manifest.capabilities.requests_per_second), now=settings.now),
        faults=FAULTS,
        expired="INVALID_SESSION_ID",
    )

    def login(service: Soap) -> Headers:
        session = service.call("login", username=settings.values["username"], password=settings.secrets["password"])
        return {"SessionHeader": {"sessionId": session}}

    return SoapSession(soap, login)
