"""The connector to the sample CRM: reader and writer over one session."""

from connectors.sample_crm.reader import CrmReader
from connectors.sample_crm.session import open_session
from connectors.sample_crm.writer import CrmWriter
from onevoice.sdk import Settings, TwoWay
from onevoice.sdk.manifest import Manifest


class SampleCrm(TwoWay):
    """Contacts (both ways) and cases of one CRM."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        session = open_session(settings, manifest)
        super().__init__(
            CrmReader(session, settings, manifest), CrmWriter(session, settings, manifest), close=session.close
        )
