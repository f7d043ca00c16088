"""What the SQL toolkit and the connector without code promise holds on MariaDB as it does on the other databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk.sql import open_engine, reading, writing
from onevoice.testing.servers import PrivateMariadb
from tests.sdk import test_declarative_sql as single
from tests.sdk import test_declarative_sql_changes as changes
from tests.sdk import test_sql as toolkit

WHERE = "system erp, stream customers"

till, counted, logged = single.till, changes.counted, changes.logged

test_pages = toolkit.test_pages_are_in_order_and_without_gap_from_any_position
test_full_page = toolkit.test_a_last_page_that_is_full_ends_the_read
test_refused_values = toolkit.test_refused_values_are_not_quoted
test_no_table = toolkit.test_a_table_that_is_not_there_asks_for_a_person
test_failed = toolkit.test_a_failed_transaction_leaves_nothing
test_rows = single.test_rows_come_in_order_and_a_read_goes_on_after_each_page
test_write = single.test_a_write_locks_compares_and_gives_the_version_that_the_trigger_made
test_gone = single.test_what_is_gone_and_what_never_was_is_read_back_as_deleted
test_timeless = single.test_a_row_without_time_is_named_before_it_is_missed
test_schema = single.test_the_database_describes_the_schema_that_its_rows_fit
test_numbers = changes.test_rows_come_in_the_order_of_their_numbers_and_the_overlap_again
test_number_write = changes.test_a_write_compares_the_number_and_gives_the_next_one
test_log = changes.test_a_log_tells_of_each_change_and_of_deletes
test_log_killed = changes.test_a_first_read_that_was_killed_goes_on_and_misses_nothing_that_changed_meanwhile
test_log_late = changes.test_an_entry_that_was_committed_late_is_not_skipped
test_log_write = changes.test_a_write_compares_the_last_entry_of_the_log


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        yield server


@pytest.fixture
def address(mariadb: PrivateMariadb) -> Iterator[str]:
    name = mariadb.create_database()
    yield mariadb.url(name)
    mariadb.drop_database(name)


@pytest.fixture
def engine(address: str) -> Iterator[sa.Engine]:
    url = sa.make_url(address)
    opened = open_engine(url._replace(password=None).render_as_string(), password=url.password)
    with writing(opened, WHERE) as connection:
        toolkit.METADATA.create_all(connection)
    yield opened
    opened.dispose()


@pytest.mark.parametrize(("user", "database", "password"), [("onevoice", "none", None), ("onevoice", "", "wr0ng")])
def test_what_is_refused_asks_for_a_person(
    mariadb: PrivateMariadb, user: str, database: str, password: str | None
) -> None:
    engine = open_engine(f"mariadb://{user}@127.0.0.1:{mariadb.port}/{database}", password=password or mariadb.password)
    with pytest.raises(OperatorError) as caught, reading(engine, WHERE):
        pass
    assert "wr0ng" not in str(caught.value)


def test_a_server_that_is_away_is_tried_again() -> None:
    engine = open_engine("mariadb://hub@127.0.0.1:1/erp", password="x")
    with pytest.raises(TransientError), reading(engine, WHERE):
        pass


def test_a_time_keeps_its_microseconds_whatever_zone_the_session_had(engine: sa.Engine) -> None:
    with writing(engine, WHERE) as connection:
        connection.execute(sa.insert(toolkit.ROWS), [{"no": "K1", "email": "a@x", "at": toolkit.START}])
        assert connection.execute(sa.text("SELECT @@session.time_zone")).scalar_one() == "+00:00"
    with reading(engine, WHERE) as connection:
        assert connection.execute(sa.select(toolkit.ROWS.c.at)).scalar_one() == toolkit.START
