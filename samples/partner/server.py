"""The API's door: SOAP 1.1 over HTTP on this machine; faults with HTTP 500, the count of calls in each answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lxml import etree

from samples.partner.service import API, Element, PartnerError, PartnerService

PATH = "/services/Soap/u/60.0"
FAULTS = "urn:fault.partner.soap.sforce.com"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
LARGEST = 8 * 1024 * 1024


@contextmanager
def served(service: PartnerService, port: int = 0) -> Iterator[str]:
    """Serve until the block ends; gives the address to log in at."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(service))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{PATH}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def answered(service: PartnerService, body: bytes, url: str) -> tuple[int, bytes]:
    """Return status and envelope for a request."""
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.fromstring(body, parser)
        content = root.find(f"{{{ENVELOPE}}}Body")
        if content is None or len(content) != 1 or root.getroottree().docinfo.doctype:
            raise PartnerError("INVALID_SOAP")
        session = root.findtext(f"{{{ENVELOPE}}}Header/{{{API}}}SessionHeader/{{{API}}}sessionId")
        batch = int(root.findtext(f".//{{{API}}}batchSize") or 500)
        results = service.handle(content[0], session, batch, url)
    except etree.XMLSyntaxError:
        return 500, _fault("INVALID_SOAP")
    except PartnerError as fault:
        return 500, _fault(fault.code)
    response = etree.Element(f"{{{API}}}{etree.QName(content[0]).localname}Response", nsmap={None: API})
    response.extend(results)
    header = None if session is None else _limits(service)
    return 200, _envelope(response, header)


def _limits(service: PartnerService) -> Element:
    header = etree.Element(f"{{{API}}}LimitInfoHeader", nsmap={None: API})
    info = etree.SubElement(header, f"{{{API}}}limitInfo")
    for name, value in (("current", service.calls), ("limit", service.limit), ("type", "API REQUESTS")):
        etree.SubElement(info, f"{{{API}}}{name}").text = str(value)
    return header


def _fault(code: str) -> bytes:
    fault = etree.Element(f"{{{ENVELOPE}}}Fault", nsmap={"sf": FAULTS})
    etree.SubElement(fault, "faultcode").text = f"sf:{code}"
    etree.SubElement(fault, "faultstring").text = f"{code}: the call is refused"
    return _envelope(fault, None)


def _envelope(content: Element, header: Element | None) -> bytes:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soapenv": ENVELOPE})
    if header is not None:
        etree.SubElement(envelope, f"{{{ENVELOPE}}}Header").append(header)
    etree.SubElement(envelope, f"{{{ENVELOPE}}}Body").append(content)
    return bytes(etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"))


def _handler(service: PartnerService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024
        timeout = 30

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not self.path.startswith(PATH) or not length.isdecimal() or int(length) > LARGEST:
                self.close_connection = True
                self._reply(404, b"")
                return
            url = f"http://{self.headers.get('Host')}{PATH}"
            self._reply(*answered(service, self.rfile.read(int(length)), url))

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
