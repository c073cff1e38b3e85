-- Each callback is stored by a statement that has just read its account, and accounts are never removed: the foreign key
-- would look at the same row once more for every callback, a tenth of what storing one costs (docs/decisions/0023).
ALTER TABLE callbacks DROP CONSTRAINT callbacks_org_id_account_id_fkey;
