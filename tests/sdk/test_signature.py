"""A known answer for the signature, so that both sides cannot be wrong in the same way."""

from __future__ import annotations

from datetime import UTC, datetime

from onevoice.sdk.signature import check_signature


def test_the_signature_is_hmac_sha256_of_time_dot_body() -> None:
    # printf '1748779200.{"id":1}' | openssl dgst -sha256 -hmac key
    check_signature(
        b'{"id":1}',
        secret="key",
        timestamp="1748779200",
        signature="sha256=90a4b452badcb5093b251a807ae22eef6031d0711fa0979b1d2e6bdf7fa2afbf",
        now=datetime.fromtimestamp(1748779200, UTC),
        where="system shop",
    )
