"""The bots that an organisation defined itself: their source, version by version, so old answers stay explained."""

import hashlib
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.access import known_user, user_with_role
from storage.audit import log
from storage.records import ConflictError, NotFoundError
from storage.records_people import BotRecord
from storage.room import Room
from storage.schema_people import BotRow, OrganisationRow


class Bots(Room):
    """Definitions are text here; what they mean is known above."""

    def put(self, admin: str, name: str, source: str, *, expected: int | None = None) -> BotRecord:
        """Add a version of a bot. `expected`: the newest version that the admin saw, 0 for a new bot.

        The source that stands already is not stored again.
        """
        with self._begin() as session:
            organisation = user_with_role(session, admin, "admin").organisation_id
            session.get(OrganisationRow, organisation, with_for_update=True)  # one writer at a time
            rows = select(BotRow).filter_by(organisation_id=organisation, name=name)
            newest = session.scalar(rows.order_by(BotRow.version.desc()).limit(1))
            version = 0 if newest is None else newest.version
            if expected is not None and expected != version:
                raise ConflictError("Somebody else changed this bot meanwhile; load it again and repeat your change.")
            digest = hashlib.sha256(source.encode()).hexdigest()
            if newest is not None and newest.digest == digest and newest.retired_at is None:
                return _bot(newest)
            row = BotRow(
                organisation_id=organisation,
                name=name,
                version=version + 1,
                source=source,
                digest=digest,
                created_by=admin,
                created_at=datetime.now(UTC),
                retired_at=None,
            )
            session.add(row)
            log(session, organisation, admin, "bot.put", name)
            session.flush()
            return _bot(row)

    def get(self, user: str, name: str, *, version: int | None = None) -> BotRecord:
        """The newest version of a bot of the user's organisation that is not retired, or a certain version."""
        with self._begin(write=False) as session:
            rows = select(BotRow).filter_by(organisation_id=known_user(session, user).organisation_id, name=name)
            rows = rows.order_by(BotRow.version.desc()).limit(1)
            row = session.scalar(rows if version is None else rows.filter_by(version=version))
            if row is None or (version is None and row.retired_at is not None):
                raise NotFoundError("There is no such bot.")
            return _bot(row)

    def all(self, user: str) -> list[BotRecord]:
        """The newest versions of all bots of the user's organisation, by name."""
        with self._begin(write=False) as session:
            organisation = known_user(session, user).organisation_id
            newest = select(BotRow.name, func.max(BotRow.version).label("version"))
            newest_of = newest.where(BotRow.organisation_id == organisation).group_by(BotRow.name).subquery()
            same = (BotRow.name == newest_of.c.name) & (BotRow.version == newest_of.c.version)
            rows = select(BotRow).join(newest_of, same)
            rows = rows.where(BotRow.organisation_id == organisation, BotRow.retired_at.is_(None))
            return [_bot(row) for row in session.scalars(rows.order_by(BotRow.name))]

    def versions(self, user: str, name: str) -> list[BotRecord]:
        """All versions of a bot, oldest first."""
        with self._begin(write=False) as session:
            rows = select(BotRow).filter_by(organisation_id=known_user(session, user).organisation_id, name=name)
            return [_bot(row) for row in session.scalars(rows.order_by(BotRow.version))]

    def retire(self, admin: str, name: str) -> None:
        """Take a bot out of use; its versions stay, for the answers that it gave."""
        with self._begin() as session:
            organisation = user_with_role(session, admin, "admin").organisation_id
            rows = _locked(session, organisation, name)
            if not rows:
                raise NotFoundError("There is no such bot.")
            rows[-1].retired_at = rows[-1].retired_at or datetime.now(UTC)
            log(session, organisation, admin, "bot.retire", name)


def _locked(session: Session, organisation: str, name: str) -> list[BotRow]:
    query = select(BotRow).filter_by(organisation_id=organisation, name=name).order_by(BotRow.version)
    return list(session.scalars(query.with_for_update()))


def _bot(row: BotRow) -> BotRecord:
    return BotRecord(row.name, row.version, row.source, row.digest, row.created_by, row.created_at)
