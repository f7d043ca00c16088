"""A new version of a record writes to no index: the time leaves them, and pages keep room for the new row."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OFTEN_CHANGED = ("source_record", "customer", "delivered", "obligation", "reading")


def upgrade() -> None:
    op.drop_index("ix_source_record_party", table_name="source_record")
    op.drop_index("ix_source_record_point", table_name="source_record")
    op.create_index("ix_source_record_party", "source_record", ["system", "party_stream", "party_key"])
    op.create_index("ix_source_record_point", "source_record", ["point"])
    for table in _OFTEN_CHANGED:
        op.execute(f"alter table {table} set (fillfactor = 80)")


def downgrade() -> None:
    for table in _OFTEN_CHANGED:
        op.execute(f"alter table {table} reset (fillfactor)")
    op.drop_index("ix_source_record_party", table_name="source_record")
    op.drop_index("ix_source_record_point", table_name="source_record")
    op.create_index("ix_source_record_party", "source_record", ["system", "party_stream", "party_key", "occurred_at"])
    op.create_index("ix_source_record_point", "source_record", ["point", "occurred_at"])
