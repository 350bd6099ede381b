"""The file of a gallery: enrolled people and the x-vectors of their recordings, in SQLite.

Every change is one transaction in a write-ahead log: after a kill at any moment the file holds it
whole or not at all, and several processes can change it at once, one after the other.  Removed
content is overwritten, and the file and its log are written anew.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from steps_py.errors import StepsError, did_you_mean

APPLICATION_ID, FORMAT = 0x53574758, 2  # of a file of SQLite: who wrote it, and how
WAIT_SEC = 60.0  # for the transactions of other processes
LONGEST_NAME = 200
_TABLES = (
    "CREATE TABLE system (embedding_digest TEXT NOT NULL, embedding_dim INTEGER NOT NULL)",
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE recordings (
        id INTEGER PRIMARY KEY,
        person INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        speech_sec REAL NOT NULL,
        vector BLOB NOT NULL
    )""",
    "CREATE INDEX recordings_of_person ON recordings (person)",
)
_CHANGED = """UPDATE changes SET num_changes = num_changes + 1;
    UPDATE people SET changed = (SELECT num_changes FROM changes) WHERE id = NEW"""
_CHANGES = (  # since format 2: what changed after a time, whoever changed it
    "CREATE TABLE changes (num_changes INTEGER NOT NULL, num_removals INTEGER NOT NULL)",
    "INSERT INTO changes VALUES (0, 0)",
    "ALTER TABLE people ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX people_by_change ON people (changed)",
    f"CREATE TRIGGER added AFTER INSERT ON recordings BEGIN {_CHANGED}.person; END",
    f"CREATE TRIGGER renamed AFTER UPDATE OF name ON people BEGIN {_CHANGED}.id; END",
    """CREATE TRIGGER removed AFTER DELETE ON people
    BEGIN UPDATE changes SET num_removals = num_removals + 1; END""",
)


class Person(NamedTuple):
    """An enrolled person: how many recordings, and how many seconds of speech they hold."""

    name: str
    num_recordings: int
    speech_sec: float


class Recording(NamedTuple):
    """What is kept of a recording; `vector` are the bytes of the x-vector, float32."""

    name: str
    speech_sec: float
    vector: bytes


class Mark(NamedTuple):
    """A moment in the life of a file: how many changes and removals there were before."""

    num_changes: int
    num_removals: int


BEGINNING = Mark(-1, 0)


class News(NamedTuple):
    """What changed in a file after a moment.

    Attributes
    ----------
    mark : Mark
        The moment until which.
    ids, names, counts : list
        People who are new, renamed or have new recordings, by id; `counts` of all their recordings.
    vectors : bytes
        Of all their recordings, in the same order, joined.
    remaining : list of int or None
        The ids of all people; None: nobody was removed.
    """

    mark: Mark
    ids: list[int]
    names: list[str]
    counts: list[int]
    vectors: bytes
    remaining: list[int] | None


class GalleryFile:
    """The people in a file, which is created if it does not exist, unless it `must_exist`.

    Raises StepsError, in one line, for a file that is no gallery, damaged, or newer.

    >>> import tempfile
    >>> people = GalleryFile(os.path.join(tempfile.mkdtemp(), "people.sqlite"))
    >>> people.add("anna", [Recording("a.wav", 3.5, bytes(8))], "digest", 2)
    Person(name='anna', num_recordings=1, speech_sec=3.5)
    >>> people.rename("anna", "anne"); people.people()
    [Person(name='anne', num_recordings=1, speech_sec=3.5)]
    >>> people.remove("anne"); people.people()
    []
    """

    def __init__(self, path: str | os.PathLike, must_exist: bool = False):
        self.path = os.fspath(path)
        if must_exist and not os.path.isfile(self.path):
            raise StepsError(f"{self.path}: is not there. Enrol somebody first, or correct it.")
        if not os.path.isdir(os.path.dirname(self.path) or "."):
            raise StepsError(f"{self.path}: its folder does not exist. Create it.")
        with self._named_errors():
            self._db = sqlite3.connect(
                self.path, timeout=WAIT_SEC, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._create_or_check()
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def people(self) -> list[Person]:
        """All people, by name."""
        with self._named_errors():
            rows = self._db.execute(
                "SELECT people.name, COUNT(recordings.id), TOTAL(recordings.speech_sec)"
                " FROM people LEFT JOIN recordings ON recordings.person = people.id"
                " GROUP BY people.id ORDER BY people.name"
            )
            return [Person(*row) for row in rows]

    def add(
        self, name: str, recordings: Sequence[Recording], digest: str, embedding_dim: int
    ) -> Person:
        """Add recordings of a new or known person; all of them or, after a kill, none.

        `digest` is that of the system that embedded them; StepsError if the others are of another.
        """
        check_name(name)
        with self._transaction():
            self._check_digest(digest)
            if self.digest() is None:
                self._db.execute("INSERT INTO system VALUES (?, ?)", (digest, embedding_dim))
            self._db.execute("INSERT OR IGNORE INTO people (name) VALUES (?)", (name,))
            (person,) = self._db.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()
            self._db.executemany(
                "INSERT INTO recordings (person, name, speech_sec, vector) VALUES (?, ?, ?, ?)",
                [(person, *recording) for recording in recordings],
            )
            (row,) = self._db.execute(
                "SELECT COUNT(*) AS n, TOTAL(speech_sec) AS s FROM recordings WHERE person = ?",
                (person,),
            ).fetchall()
            return Person(name, *row)

    def rename(self, name: str, new_name: str) -> None:
        """Give a person another name; StepsError if nobody has the one, or somebody the other."""
        check_name(new_name)
        with self._transaction():
            self._check_known(name)
            try:
                self._db.execute("UPDATE people SET name = ? WHERE name = ?", (new_name, name))
            except sqlite3.IntegrityError:
                raise StepsError(
                    f"{self.path}: '{new_name}' is enrolled already. Remove one of the two."
                ) from None
        self._erase_traces()

    def remove(self, name: str) -> None:
        """Remove a person and all that is kept of them; StepsError if nobody has the name."""
        with self._transaction():
            self._check_known(name)
            self._db.execute("DELETE FROM people WHERE name = ?", (name,))
        self._erase_traces()

    def digest(self) -> str | None:
        """The digest of the system that embedded the recordings; None: there are none yet."""
        with self._named_errors():
            row = self._db.execute("SELECT embedding_digest FROM system").fetchone()
            return row[0] if row else None

    def news(self, since: Mark) -> News | None:
        """What this or another process changed since a moment; None: nothing."""
        with self._named_errors():
            if self._mark() == since:
                return None
            self._db.execute("BEGIN")  # all of it at one moment
            try:
                mark = self._mark()
                rows = self._db.execute(
                    "SELECT people.id, people.name, recordings.vector FROM people"
                    " JOIN recordings ON recordings.person = people.id WHERE people.changed > ?"
                    " ORDER BY people.id, recordings.id",
                    (since.num_changes,),
                ).fetchall()
                remaining = None
                if mark.num_removals != since.num_removals:
                    remaining = [row[0] for row in self._db.execute("SELECT id FROM people")]
            finally:
                self._db.execute("COMMIT")
        news = News(mark, [], [], [], b"".join(vector for _, _, vector in rows), remaining)
        for person, name, _ in rows:
            if news.ids and news.ids[-1] == person:
                news.counts[-1] += 1
            else:
                news.ids.append(person)
                news.names.append(name)
                news.counts.append(1)
        return news

    def _mark(self):
        return Mark(*self._db.execute("SELECT num_changes, num_removals FROM changes").fetchone())

    def _create_or_check(self):
        self._db.execute("BEGIN IMMEDIATE")
        try:
            (owner,) = self._db.execute("PRAGMA application_id").fetchone()
            (tables,) = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if not tables and not owner:
                self._create()
            elif owner != APPLICATION_ID:
                raise StepsError(f"{self.path}: is a database, but no gallery. Name another file.")
            elif version > FORMAT:
                raise StepsError(
                    f"{self.path}: has format {version}, but this version of sidewinder reads"
                    f" formats up to {FORMAT}. Install a newer version."
                )
            elif version < FORMAT:
                self._execute_all(_CHANGES)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _create(self):
        self._execute_all(_TABLES + _CHANGES)
        self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _execute_all(self, statements):
        for statement in statements:
            self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _check_digest(self, digest):
        kept = self.digest()
        if kept is not None and kept != digest:
            raise StepsError(
                f"{self.path}: its people were enrolled with another system (x-vectors"
                f" {kept[:12]}, here {digest[:12]}). Use that system, or enrol them in a new file."
            )

    def _check_known(self, name):
        if not self._db.execute("SELECT 1 FROM people WHERE name = ?", (name,)).fetchone():
            known = [row[0] for row in self._db.execute("SELECT name FROM people LIMIT 1000")]
            hint = did_you_mean(name, known) if len(known) <= 20 else "See the list of people."
            raise StepsError(f"{self.path}: nobody is called '{name}'. {hint}")

    def _erase_traces(self):
        """Write the file anew, and empty its log, which still has the old pages."""
        with self._named_errors():
            self._db.execute("VACUUM")
            until = time.monotonic() + WAIT_SEC
            while self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > until:
                    raise StepsError(
                        f"{self.path}: the change is made, but another process is reading the file,"
                        " so its log still holds the old content. End that process, and open the"
                        " file once more."
                    )
                time.sleep(0.01)  # busy: another process empties the log just now

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._named_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            reason = str(error)
            cure = "Is it a gallery? Restore it from a copy, or enrol in a new file."
            if "locked" in reason:
                cure = "Another process is changing it; try again."
            elif "readonly" in reason or "unable to open" in reason:
                cure = "Check the permissions of the file and of its folder."
            raise StepsError(f"{self.path}: {reason}. {cure}") from None


def check_name(name: str) -> None:
    """Raise StepsError for a name that is empty, too long, or not one printable line.

    >>> check_name("anna")
    """
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise StepsError(
            f"{name[:40]!r}: is no name of a person. Use 1 to {LONGEST_NAME} printable characters."
        )
