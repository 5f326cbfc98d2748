"""CI's check of migrations refuses SQL that locks an existing table for long."""

import runpy

import pytest

from tests.support.live import ROOT

locks = runpy.run_path(str(ROOT / ".ci" / "migrations.py"))["locks"]
TABLE = 'CREATE TABLE "shop_new" ("id" integer NOT NULL PRIMARY KEY);'
REFUSED = [
    'CREATE INDEX "shop_i" ON "shop_old" ("name");',
    'CREATE UNIQUE INDEX "shop_i" ON "shop_old" ((LOWER("name")));',
    "CREATE INDEX shop_i ON shop_old USING gin ((name) gin_trgm_ops)",
    'ALTER TABLE "shop_old" ADD CONSTRAINT "shop_c" CHECK ("stock" >= 0);',
    'ALTER TABLE "shop_old" ADD CONSTRAINT "shop_c" UNIQUE ("name");',
    'ALTER TABLE "shop_old" ADD CONSTRAINT "shop_c" FOREIGN KEY ("new_id") REFERENCES "shop_new" ("id");',
]
ALLOWED = [
    'CREATE INDEX CONCURRENTLY "shop_i" ON "shop_old" ("name");',
    'CREATE INDEX "shop_i" ON "shop_new" ("id");',
    'ALTER TABLE "shop_new" ADD CONSTRAINT "shop_c" CHECK ("id" >= 0);',
    'ALTER TABLE "shop_old" ADD CONSTRAINT "shop_c" CHECK ("stock" >= 0) NOT VALID',
    'ALTER TABLE "shop_old" VALIDATE CONSTRAINT "shop_c"',
    'ALTER TABLE "shop_old" ADD COLUMN "stock" integer NULL;',
]


@pytest.mark.parametrize("sql", REFUSED)
def test_statement_that_locks_an_existing_table_is_refused(sql):
    assert locks([TABLE, *ALLOWED, sql]) == [sql]


def test_statements_that_lock_no_existing_table_are_allowed():
    assert locks([TABLE, *ALLOWED]) == []
