"""The tables of figures: second looks at answers, and readings."""

from datetime import datetime

from sqlalchemy import BigInteger, Float, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.columns import Base, RowId


class SecondLookRow(Base):
    __tablename__ = "second_looks"

    message_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("answers.message_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    pattern: Mapped[str]
    same: Mapped[bool]
    overlap: Mapped[float] = mapped_column(Float(53))
    evidence: Mapped[float | None] = mapped_column(Float(53))
    supported: Mapped[bool]
    tokens: Mapped[int] = mapped_column(BigInteger)
    read_s: Mapped[float] = mapped_column(Float(53))
    total_s: Mapped[float] = mapped_column(Float(53))
    at: Mapped[datetime]


class ReadingRow(Base):
    __tablename__ = "readings"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime]
    bot: Mapped[str]
    tokens: Mapped[int] = mapped_column(BigInteger)
    fresh: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float(53))
    parse_s: Mapped[float] = mapped_column(Float(53))
