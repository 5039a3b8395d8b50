"""Looks into the data folder of a stopped server and tells, as JSON, what lies there and whether it fits together."""

import hashlib
import json
import pathlib
import sqlite3
import sys

folder = pathlib.Path(sys.argv[1])
database = sqlite3.connect(folder / "testward.db")


def rows(sql):
    return database.execute(sql).fetchall()


def is_whole(blob):
    file = folder / "blobs" / blob[:2] / blob[2:]
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == blob


runs = rows(
    "SELECT run.total, (SELECT COUNT(*) FROM result WHERE run_id = run.id),"
    " (SELECT COUNT(DISTINCT case_id) FROM result WHERE run_id = run.id),"
    " (SELECT COALESCE(SUM(total), 0) FROM suite WHERE run_id = run.id AND parent_id IS NULL) FROM run"
)
json.dump(
    {
        "integrity": rows("PRAGMA integrity_check")[0][0],
        "runs": len(runs),
        # Counted in the run, written as results, of as many cases, added up in the suites: all the same.
        "contradictory": [run for run in runs if len(set(run)) > 1],
        "unfinished": rows("SELECT id, batch, stage FROM upload WHERE stage <> 'done'"),
        "files": {
            f"{batch} {path}": blob
            for batch, path, blob in rows(
                "SELECT upload.batch, path, blob FROM upload_file JOIN upload ON upload.id = upload_id"
            )
        },
        "damaged": [blob for (blob,) in rows("SELECT DISTINCT blob FROM attachment") if not is_whole(blob)],
        "attachments": rows("SELECT COUNT(*) FROM attachment")[0][0],
        "strays": rows(
            "SELECT 'result', COUNT(*) FROM result WHERE upload_id NOT IN (SELECT id FROM upload)"
            " UNION ALL SELECT 'suite', COUNT(*) FROM suite WHERE upload_id NOT IN (SELECT id FROM upload)"
            " UNION ALL SELECT 'detail', COUNT(*) FROM result_detail WHERE result_id NOT IN (SELECT id FROM result)"
        ),
    },
    sys.stdout,
)
