-- What supervisors may do with conversations; everything, unless an admin turns it off.
ALTER TABLE supervision_settings ADD COLUMN monitor boolean NOT NULL DEFAULT true;
ALTER TABLE supervision_settings ADD COLUMN assign boolean NOT NULL DEFAULT true;
ALTER TABLE supervision_settings ADD COLUMN transfer boolean NOT NULL DEFAULT true;
ALTER TABLE supervision_settings ADD COLUMN force_close boolean NOT NULL DEFAULT true;
