-- CreateEnum
CREATE TYPE "role" AS ENUM ('admin', 'supervisor', 'agent');

-- CreateEnum
CREATE TYPE "access_key_kind" AS ENUM ('api_key', 'agent_token');

-- CreateEnum
CREATE TYPE "channel" AS ENUM ('sms', 'whatsapp');

-- CreateEnum
CREATE TYPE "provider_name" AS ENUM ('twilio', 'telesign');

-- CreateEnum
CREATE TYPE "validation_status" AS ENUM ('not_validated', 'valid', 'invalid');

-- CreateEnum
CREATE TYPE "number_type" AS ENUM ('long_code', 'short_code', 'toll_free');

-- CreateEnum
CREATE TYPE "callback_kind" AS ENUM ('message', 'status', 'unknown');

-- CreateEnum
CREATE TYPE "callback_state" AS ENUM ('pending', 'done', 'set_aside', 'quarantined');

-- CreateEnum
CREATE TYPE "distribution" AS ENUM ('push', 'pick');

-- CreateEnum
CREATE TYPE "presence" AS ENUM ('available', 'busy', 'do_not_disturb', 'away', 'offline');

-- CreateEnum
CREATE TYPE "conversation_status" AS ENUM ('open', 'active', 'waiting', 'wrap_up', 'closed');

-- CreateEnum
CREATE TYPE "message_direction" AS ENUM ('inbound', 'outbound', 'internal');

-- CreateEnum
CREATE TYPE "message_kind" AS ENUM ('text', 'system', 'note', 'template');

-- CreateEnum
CREATE TYPE "author_type" AS ENUM ('customer', 'agent', 'system', 'bot');

-- CreateEnum
CREATE TYPE "message_status" AS ENUM ('received', 'queued', 'sending', 'sent', 'delivered', 'read', 'undelivered', 'failed', 'unknown');

-- CreateEnum
CREATE TYPE "media_status" AS ENUM ('pending', 'stored', 'failed');

-- CreateTable
CREATE TABLE "organizations" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "default_country" TEXT,
    "sms_enabled" BOOLEAN NOT NULL DEFAULT true,
    "whatsapp_enabled" BOOLEAN NOT NULL DEFAULT true,
    "suspended_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "access_keys" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" "access_key_kind" NOT NULL,
    "name" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "permissions" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "agent_id" UUID,
    "prefix" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_keys_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "org_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "status" INTEGER,
    "response" JSONB,
    "locked_until" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("org_id","scope","key")
);

-- CreateTable
CREATE TABLE "contacts" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "mobile_phone" TEXT,
    "email" TEXT,
    "attributes" JSONB NOT NULL DEFAULT '{}',
    "active" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "contacts_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "contact_addresses" (
    "org_id" UUID NOT NULL,
    "contact_id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "address" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "contact_addresses_pkey" PRIMARY KEY ("org_id","contact_id","address","channel")
);

-- CreateTable
CREATE TABLE "opt_outs" (
    "org_id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "customer_address" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "opt_outs_pkey" PRIMARY KEY ("org_id","customer_address","channel")
);

-- CreateTable
CREATE TABLE "channel_accounts" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "channel" "channel" NOT NULL,
    "provider" "provider_name" NOT NULL,
    "provider_account_id" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "secret_last_four" TEXT NOT NULL,
    "previous_secret" TEXT,
    "previous_secret_until" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "callback_token" TEXT NOT NULL,
    "sandbox" BOOLEAN NOT NULL DEFAULT false,
    "validation_status" "validation_status" NOT NULL DEFAULT 'not_validated',
    "validation_checked_at" TIMESTAMPTZ(3),
    "validation_checks" JSONB NOT NULL DEFAULT '[]',
    "quarantine_dropped" INTEGER NOT NULL DEFAULT 0,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "channel_accounts_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "channel_numbers" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "address" TEXT NOT NULL,
    "type" "number_type",
    "name" TEXT,
    "description" TEXT,
    "messages_per_second" INTEGER NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "channel_numbers_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "callbacks" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "account_id" UUID NOT NULL,
    "kind" "callback_kind" NOT NULL,
    "provider_key" TEXT NOT NULL,
    "lane" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "state" "callback_state" NOT NULL,
    "reason" TEXT,
    "detail" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "processed_at" TIMESTAMPTZ(3),

    CONSTRAINT "callbacks_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "queues" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "is_default" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "queues_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "queue_members" (
    "org_id" UUID NOT NULL,
    "queue_id" UUID NOT NULL,
    "agent_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "queue_members_pkey" PRIMARY KEY ("org_id","queue_id","agent_id")
);

-- CreateTable
CREATE TABLE "workstreams" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "channel" "channel" NOT NULL,
    "distribution" "distribution" NOT NULL,
    "is_built_in" BOOLEAN NOT NULL DEFAULT false,
    "auto_close_after_minutes" INTEGER NOT NULL,
    "capacity_units" INTEGER NOT NULL DEFAULT 1,
    "keep_same_agent" BOOLEAN NOT NULL DEFAULT true,
    "wrap_up_block_seconds" INTEGER,
    "fallback_queue_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workstreams_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "workstream_channels" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workstream_id" UUID NOT NULL,
    "number_id" UUID NOT NULL,
    "language" TEXT NOT NULL,
    "customer_attachments" BOOLEAN NOT NULL DEFAULT false,
    "agent_attachments" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workstream_channels_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "routing_rules" (
    "org_id" UUID NOT NULL,
    "workstream_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "condition" JSONB NOT NULL,
    "queue_id" UUID NOT NULL,

    CONSTRAINT "routing_rules_pkey" PRIMARY KEY ("org_id","workstream_id","position")
);

-- CreateTable
CREATE TABLE "agents" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "capacity_units" INTEGER NOT NULL,
    "used_units" INTEGER NOT NULL DEFAULT 0,
    "overcommitted_units" INTEGER NOT NULL DEFAULT 0,
    "presence" "presence" NOT NULL DEFAULT 'offline',
    "presence_changed_at" TIMESTAMPTZ(3) NOT NULL,
    "last_assigned_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "agents_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "conversations" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "status" "conversation_status" NOT NULL,
    "status_reason" TEXT NOT NULL,
    "channel" "channel" NOT NULL,
    "provider" "provider_name" NOT NULL,
    "account_id" UUID NOT NULL,
    "number_id" UUID NOT NULL,
    "business_number" TEXT NOT NULL,
    "customer_address" TEXT NOT NULL,
    "language" TEXT NOT NULL,
    "profile_name" TEXT,
    "contact_id" UUID,
    "authenticated" BOOLEAN NOT NULL,
    "workstream_id" UUID NOT NULL,
    "queue_id" UUID,
    "queued_at" TIMESTAMPTZ(3),
    "agent_id" UUID,
    "offered_at" TIMESTAMPTZ(3),
    "offer_expires_at" TIMESTAMPTZ(3),
    "accepted_at" TIMESTAMPTZ(3),
    "held_units" INTEGER NOT NULL DEFAULT 0,
    "release_units_at" TIMESTAMPTZ(3),
    "first_text" TEXT,
    "unread_count" INTEGER NOT NULL DEFAULT 0,
    "context" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "status_updated_at" TIMESTAMPTZ(3) NOT NULL,
    "last_inbound_at" TIMESTAMPTZ(3),
    "last_message_at" TIMESTAMPTZ(3) NOT NULL,
    "active_at" TIMESTAMPTZ(3) NOT NULL,
    "resolved_at" TIMESTAMPTZ(3),
    "closes_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),

    CONSTRAINT "conversations_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "conversation_id" UUID NOT NULL,
    "agent_id" UUID NOT NULL,
    "queue_id" UUID,
    "offered_at" TIMESTAMPTZ(3),
    "accepted_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "closure_reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "messages" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "conversation_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "direction" "message_direction" NOT NULL,
    "kind" "message_kind" NOT NULL,
    "author_type" "author_type" NOT NULL,
    "author_id" UUID,
    "author_name" TEXT,
    "text" TEXT NOT NULL,
    "location" JSONB,
    "details" JSONB NOT NULL DEFAULT '{}',
    "has_media" BOOLEAN NOT NULL DEFAULT false,
    "reply_to_message_id" UUID,
    "recovered" BOOLEAN NOT NULL DEFAULT false,
    "status" "message_status",
    "error_code" TEXT,
    "error_message" TEXT,
    "error_provider_code" TEXT,
    "provider_message_id" TEXT,
    "segments" INTEGER,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "sending_at" TIMESTAMPTZ(3),
    "sent_at" TIMESTAMPTZ(3),
    "delivered_at" TIMESTAMPTZ(3),
    "read_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),

    CONSTRAINT "messages_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "media" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "message_id" UUID,
    "account_id" UUID,
    "position" INTEGER NOT NULL DEFAULT 0,
    "status" "media_status" NOT NULL,
    "withheld" BOOLEAN NOT NULL DEFAULT false,
    "content_type" TEXT NOT NULL,
    "file_name" TEXT,
    "bytes" INTEGER,
    "provider_url" TEXT,
    "failure_reason" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),

    CONSTRAINT "media_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateTable
CREATE TABLE "media_contents" (
    "org_id" UUID NOT NULL,
    "media_id" UUID NOT NULL,
    "content" BYTEA NOT NULL,

    CONSTRAINT "media_contents_pkey" PRIMARY KEY ("org_id","media_id")
);

-- CreateTable
CREATE TABLE "events" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "position" BIGINT,
    "type" TEXT NOT NULL,
    "queue_id" UUID,
    "to_members" BOOLEAN NOT NULL DEFAULT false,
    "agent_ids" UUID[] DEFAULT ARRAY[]::UUID[],
    "data" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "events_pkey" PRIMARY KEY ("org_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "access_keys_hash_key" ON "access_keys"("hash");

-- CreateIndex
CREATE INDEX "access_keys_org_id_agent_id_idx" ON "access_keys"("org_id", "agent_id");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

-- CreateIndex
CREATE INDEX "contacts_org_id_mobile_phone_idx" ON "contacts"("org_id", "mobile_phone");

-- CreateIndex
CREATE INDEX "contact_addresses_org_id_address_idx" ON "contact_addresses"("org_id", "address");

-- CreateIndex
CREATE UNIQUE INDEX "channel_accounts_callback_token_key" ON "channel_accounts"("callback_token");

-- CreateIndex
CREATE INDEX "channel_numbers_org_id_account_id_idx" ON "channel_numbers"("org_id", "account_id");

-- CreateIndex
CREATE UNIQUE INDEX "queues_org_id_name_key" ON "queues"("org_id", "name");

-- CreateIndex
CREATE INDEX "queue_members_org_id_agent_id_idx" ON "queue_members"("org_id", "agent_id");

-- CreateIndex
CREATE UNIQUE INDEX "workstreams_org_id_name_key" ON "workstreams"("org_id", "name");

-- CreateIndex
CREATE INDEX "workstream_channels_org_id_workstream_id_idx" ON "workstream_channels"("org_id", "workstream_id");

-- CreateIndex
CREATE UNIQUE INDEX "workstream_channels_org_id_number_id_key" ON "workstream_channels"("org_id", "number_id");

-- CreateIndex
CREATE INDEX "routing_rules_org_id_queue_id_idx" ON "routing_rules"("org_id", "queue_id");

-- CreateIndex
CREATE UNIQUE INDEX "agents_org_id_email_key" ON "agents"("org_id", "email");

-- CreateIndex
CREATE INDEX "conversations_org_id_active_at_idx" ON "conversations"("org_id", "active_at");

-- CreateIndex
CREATE INDEX "conversations_org_id_customer_address_id_idx" ON "conversations"("org_id", "customer_address", "id");

-- CreateIndex
CREATE INDEX "conversations_org_id_contact_id_id_idx" ON "conversations"("org_id", "contact_id", "id");

-- CreateIndex
CREATE INDEX "conversations_org_id_queue_id_id_idx" ON "conversations"("org_id", "queue_id", "id");

-- CreateIndex
CREATE INDEX "conversations_org_id_workstream_id_id_idx" ON "conversations"("org_id", "workstream_id", "id");

-- CreateIndex
CREATE INDEX "sessions_org_id_conversation_id_id_idx" ON "sessions"("org_id", "conversation_id", "id");

-- CreateIndex
CREATE INDEX "messages_org_id_conversation_id_seq_idx" ON "messages"("org_id", "conversation_id", "seq");

-- CreateIndex
CREATE INDEX "media_org_id_message_id_idx" ON "media"("org_id", "message_id");

-- Written by hand from here on.

-- Foreign keys carry org_id: a row can never point into another organization.
ALTER TABLE access_keys ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE contacts ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE opt_outs ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE channel_accounts ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE queues ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE agents ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE events ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE access_keys ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
ALTER TABLE contact_addresses ADD FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE;
ALTER TABLE channel_numbers ADD FOREIGN KEY (org_id, account_id) REFERENCES channel_accounts (org_id, id);
ALTER TABLE callbacks ADD FOREIGN KEY (org_id, account_id) REFERENCES channel_accounts (org_id, id);
ALTER TABLE queue_members ADD FOREIGN KEY (org_id, queue_id) REFERENCES queues (org_id, id) ON DELETE CASCADE;
ALTER TABLE queue_members ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
ALTER TABLE workstreams ADD FOREIGN KEY (org_id, fallback_queue_id) REFERENCES queues (org_id, id);
ALTER TABLE workstream_channels ADD FOREIGN KEY (org_id, workstream_id) REFERENCES workstreams (org_id, id);
ALTER TABLE workstream_channels ADD FOREIGN KEY (org_id, number_id) REFERENCES channel_numbers (org_id, id);
ALTER TABLE routing_rules ADD FOREIGN KEY (org_id, workstream_id) REFERENCES workstreams (org_id, id) ON DELETE CASCADE;
ALTER TABLE routing_rules ADD FOREIGN KEY (org_id, queue_id) REFERENCES queues (org_id, id);
ALTER TABLE conversations ADD FOREIGN KEY (org_id, account_id) REFERENCES channel_accounts (org_id, id);
ALTER TABLE conversations ADD FOREIGN KEY (org_id, number_id) REFERENCES channel_numbers (org_id, id);
ALTER TABLE conversations ADD FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id);
ALTER TABLE conversations ADD FOREIGN KEY (org_id, workstream_id) REFERENCES workstreams (org_id, id);
ALTER TABLE conversations ADD FOREIGN KEY (org_id, queue_id) REFERENCES queues (org_id, id);
ALTER TABLE conversations ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
ALTER TABLE sessions ADD FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id);
ALTER TABLE sessions ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
ALTER TABLE sessions ADD FOREIGN KEY (org_id, queue_id) REFERENCES queues (org_id, id);
ALTER TABLE messages ADD FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id);
ALTER TABLE messages ADD FOREIGN KEY (org_id, reply_to_message_id) REFERENCES messages (org_id, id);
ALTER TABLE media ADD FOREIGN KEY (org_id, message_id) REFERENCES messages (org_id, id);
ALTER TABLE media ADD FOREIGN KEY (org_id, account_id) REFERENCES channel_accounts (org_id, id);
ALTER TABLE media_contents ADD FOREIGN KEY (org_id, media_id) REFERENCES media (org_id, id) ON DELETE CASCADE;

-- A condition on an enumeration is never looked up in an index under row-level security (PostgreSQL's enum_eq is not
-- leakproof, so the policy comes first). Such a column therefore stands last, or in the index's own WHERE.

-- Two first messages of a customer at the same instant make one conversation: this index says so, not a look-up.
CREATE UNIQUE INDEX conversations_one_live ON conversations (org_id, business_number, customer_address, channel)
  WHERE status IN ('open', 'active', 'waiting');
-- What waits for routing, and what waits in a queue for an agent.
CREATE INDEX conversations_unrouted ON conversations (org_id, created_at) WHERE status = 'open' AND queue_id IS NULL;
CREATE INDEX conversations_queued ON conversations (org_id, queue_id, queued_at) WHERE status = 'open';
-- Lists by status: what is closed is nearly everything, so only the rest needs an index.
CREATE INDEX conversations_not_closed ON conversations (org_id, id) WHERE status IN ('open', 'active', 'waiting', 'wrap_up');
CREATE INDEX conversations_due ON conversations (due_at, org_id) WHERE due_at IS NOT NULL;
CREATE INDEX conversations_held_by ON conversations (org_id, agent_id) WHERE status IN ('active', 'waiting', 'wrap_up');
CREATE INDEX conversations_closed_by ON conversations (org_id, agent_id, closed_at) WHERE status = 'closed';
CREATE INDEX sessions_one_live ON sessions (org_id, conversation_id) WHERE closed_at IS NULL;

-- A number is unique in its organization and channel as long as it is not deleted; so is an account's name.
CREATE UNIQUE INDEX channel_numbers_address ON channel_numbers (org_id, address, channel) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX channel_accounts_name ON channel_accounts (org_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX queues_one_default ON queues (org_id) WHERE is_default;
CREATE UNIQUE INDEX workstreams_one_built_in ON workstreams (org_id, channel) WHERE is_built_in;

-- One row for one thing the provider said, however often it says it. What is quarantined has a space of its own: a
-- forged callback must not take the place of the real one.
CREATE UNIQUE INDEX callbacks_once ON callbacks (org_id, account_id, provider_key, kind)
  WHERE state IN ('pending', 'done', 'set_aside');
CREATE UNIQUE INDEX callbacks_quarantined_once ON callbacks (org_id, account_id, provider_key) WHERE state = 'quarantined';
CREATE INDEX callbacks_pending ON callbacks (org_id, seq) WHERE state = 'pending';
-- Those that wait for another attempt hold up their lane; they are few.
CREATE INDEX callbacks_postponed ON callbacks (org_id, lane, seq) WHERE state = 'pending' AND attempts > 0;
CREATE INDEX callbacks_done ON callbacks (processed_at) WHERE state = 'done';
CREATE INDEX callbacks_kept ON callbacks (org_id, id) WHERE state IN ('quarantined', 'set_aside');

CREATE UNIQUE INDEX messages_provider_id ON messages (org_id, account_id, provider_message_id, direction)
  WHERE provider_message_id IS NOT NULL;
CREATE INDEX messages_due ON messages (due_at, org_id) WHERE due_at IS NOT NULL;
CREATE INDEX messages_due_in_org ON messages (org_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX messages_unsent ON messages (org_id, conversation_id, seq) WHERE status IN ('queued', 'sending');
CREATE INDEX media_unused ON media (expires_at) WHERE message_id IS NULL;
CREATE INDEX media_due ON media (due_at, org_id) WHERE due_at IS NOT NULL;

CREATE UNIQUE INDEX events_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_of_organization ON events (org_id, position) WHERE position IS NOT NULL;
CREATE INDEX events_unpublished ON events (seq) WHERE position IS NULL;

-- An agent is never filled beyond capacity by the engine, whatever two workers do at once.
ALTER TABLE agents ADD CONSTRAINT agents_capacity CHECK (
  used_units >= 0 AND overcommitted_units >= 0 AND capacity_units BETWEEN 0 AND 10000
  AND used_units <= capacity_units + overcommitted_units
);
ALTER TABLE conversations ADD CONSTRAINT conversations_held CHECK (held_units >= 0 AND (held_units = 0 OR agent_id IS NOT NULL));
ALTER TABLE conversations ADD CONSTRAINT conversations_active
  CHECK (active_at = date_bin('10 minutes', last_message_at, '2000-01-01T00:00:00Z'));
-- A message changes no column of an index, so that with room on the page no index is written (heap-only update).
ALTER TABLE conversations SET (fillfactor = 70);
-- Nothing is ever looked up by these, and statistics of wide columns are most of what an ANALYZE costs.
ALTER TABLE events ALTER data SET STATISTICS 0, ALTER agent_ids SET STATISTICS 0;
ALTER TABLE callbacks ALTER body SET STATISTICS 0, ALTER url SET STATISTICS 0, ALTER detail SET STATISTICS 0;
ALTER TABLE messages ALTER text SET STATISTICS 0, ALTER details SET STATISTICS 0, ALTER location SET STATISTICS 0;
ALTER TABLE conversations ALTER first_text SET STATISTICS 0, ALTER context SET STATISTICS 0;
ALTER TABLE workstreams ADD CONSTRAINT workstreams_auto_close CHECK (
  auto_close_after_minutes >= 1 AND (channel <> 'sms' OR auto_close_after_minutes >= 480)
);

-- The relay's counter. Its row lock makes publication one at a time, so that positions become visible in order.
CREATE TABLE relay (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), position bigint NOT NULL DEFAULT 0);
INSERT INTO relay DEFAULT VALUES;

-- Two roles without login that own nothing and pass no policy. Every unit of work takes one of them:
-- parley_app sees the rows of the organization in app.org_id; parley_system is the narrow door for work across
-- organizations (relay, sweeps, look-ups before the organization is known) and has only the rights listed here.
DO $$ BEGIN CREATE ROLE parley_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE parley_system NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN
  EXECUTE format('GRANT parley_app, parley_system TO %I', current_user);
EXCEPTION WHEN insufficient_privilege THEN
  IF NOT (pg_has_role(current_user, 'parley_app', 'MEMBER') AND pg_has_role(current_user, 'parley_system', 'MEMBER')) THEN
    RAISE EXCEPTION 'The roles parley_app and parley_system exist already and % may not use them', current_user
      USING HINT = format('As a superuser of this server: GRANT parley_app, parley_system TO %I;', current_user);
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO parley_app, parley_system;

CREATE FUNCTION app_org_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.org_id', true), '')::uuid $$;

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['access_keys', 'idempotency_keys', 'contacts', 'contact_addresses', 'opt_outs',
    'channel_accounts', 'channel_numbers', 'callbacks', 'queues', 'queue_members', 'workstreams', 'workstream_channels',
    'routing_rules', 'agents', 'conversations', 'sessions', 'messages', 'media', 'media_contents', 'events']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON organizations TO parley_app USING (id = app_org_id());
GRANT SELECT, INSERT, UPDATE ON organizations TO parley_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO parley_app, parley_system;

DO $$
DECLARE open_table text;
BEGIN
  FOREACH open_table IN ARRAY ARRAY['organizations', 'access_keys', 'idempotency_keys', 'channel_accounts', 'callbacks',
    'conversations', 'messages', 'media', 'events', 'agents', 'queue_members']
  LOOP
    EXECUTE format('CREATE POLICY across_organizations ON %I TO parley_system USING (true)', open_table);
    EXECUTE format('GRANT SELECT ON %I TO parley_system', open_table);
  END LOOP;
END $$;
GRANT SELECT, UPDATE ON relay TO parley_system;
GRANT INSERT ON callbacks TO parley_system;
GRANT UPDATE (position) ON events TO parley_system;
-- Retention.
GRANT DELETE ON events, callbacks, idempotency_keys, media TO parley_system;

-- Look-ups that come before the organization is known. Each answers one row for one unguessable value.
CREATE FUNCTION find_access_key(key_hash text, at timestamptz)
  RETURNS TABLE ("orgId" uuid, id uuid, kind access_key_kind, role role, permissions text[], "agentId" uuid, "agentName" text, "isSuspended" boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
AS $$
  SELECT k.org_id, k.id, k.kind, k.role, k.permissions, k.agent_id, a.name, o.suspended_at IS NOT NULL
  FROM access_keys k JOIN organizations o ON o.id = k.org_id LEFT JOIN agents a ON a.org_id = k.org_id AND a.id = k.agent_id
  WHERE k.hash = key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > at)
$$;

CREATE FUNCTION find_callback_account(token text)
  RETURNS TABLE ("orgId" uuid, id uuid, provider provider_name, channel channel, "providerAccountId" text, secret text,
                 "previousSecret" text, "previousSecretUntil" timestamptz, version int)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
AS $$
  SELECT org_id, id, provider, channel, provider_account_id, secret, previous_secret, previous_secret_until, version
  FROM channel_accounts WHERE callback_token = token AND deleted_at IS NULL
$$;

-- Stores the callbacks of one moment with one commit. A row whose account has changed since it was verified is not
-- stored and answered as "stale": the caller verifies it again. Sorted, so that two calls never deadlock.
CREATE FUNCTION store_callbacks(batch jsonb) RETURNS TABLE (ordinal int, outcome text)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public
AS $$
  WITH posted AS (
    SELECT * FROM jsonb_to_recordset(batch) AS b(ordinal int, "orgId" uuid, "accountId" uuid, version int, id uuid,
      kind callback_kind, key text, lane text, url text, "contentType" text, body text, "receivedAt" timestamptz)
  ), verified AS MATERIALIZED (
    SELECT p.*, nextval('callbacks_seq_seq') AS seq FROM (SELECT * FROM posted ORDER BY ordinal) p JOIN channel_accounts a
      ON a.org_id = p."orgId" AND a.id = p."accountId" AND a.version = p.version AND a.deleted_at IS NULL
  ), stored AS (
    INSERT INTO callbacks (org_id, id, seq, account_id, kind, provider_key, lane, url, content_type, body, state, received_at, due_at)
    SELECT "orgId", id, seq, "accountId", kind, key, lane, url, "contentType", body, 'pending', "receivedAt", "receivedAt"
    FROM verified ORDER BY "orgId", "accountId", kind, key, ordinal
    ON CONFLICT (org_id, account_id, provider_key, kind) WHERE state IN ('pending', 'done', 'set_aside') DO NOTHING
    RETURNING id
  )
  SELECT p.ordinal, CASE WHEN v.id IS NULL THEN 'stale' WHEN s.id IS NULL THEN 'duplicate' ELSE 'stored' END
  FROM posted p LEFT JOIN verified v ON v.id = p.id LEFT JOIN stored s ON s.id = p.id
$$;

-- Gives committed events their positions, in one call. The lock on relay's row keeps publication to one process at a
-- time; each statement of the function sees what was committed before it began, so what the process before us has
-- published is not seen as unpublished.
CREATE FUNCTION publish_events(batch_size int)
  RETURNS TABLE ("orgId" uuid, type text, "hasMedia" boolean)
  LANGUAGE plpgsql VOLATILE SET search_path = public
AS $$
DECLARE
  base bigint;
BEGIN
  SELECT r.position INTO base FROM relay r FOR UPDATE;
  RETURN QUERY
    WITH batch AS (
      SELECT e.org_id, e.id, row_number() OVER (ORDER BY e.seq) AS n FROM events e
      WHERE e.position IS NULL ORDER BY e.seq LIMIT batch_size
    ), counted AS (
      UPDATE relay r SET position = base + (SELECT count(*) FROM batch) WHERE EXISTS (SELECT 1 FROM batch)
    )
    UPDATE events e SET position = base + batch.n FROM batch WHERE e.org_id = batch.org_id AND e.id = batch.id
    RETURNING e.org_id, e.type, jsonb_array_length(coalesce(e.data->'message'->'media', '[]')) > 0;
END $$;

-- They run with the rights of parley_system, which needs CREATE on the schema for the moment of the change.
GRANT CREATE ON SCHEMA public TO parley_system;
ALTER FUNCTION find_access_key(text, timestamptz) OWNER TO parley_system;
ALTER FUNCTION find_callback_account(text) OWNER TO parley_system;
ALTER FUNCTION store_callbacks(jsonb) OWNER TO parley_system;
REVOKE CREATE ON SCHEMA public FROM parley_system;
REVOKE EXECUTE ON FUNCTION find_access_key(text, timestamptz), find_callback_account(text), store_callbacks(jsonb) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION publish_events(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION publish_events(int) TO parley_system;
GRANT EXECUTE ON FUNCTION find_access_key(text, timestamptz), find_callback_account(text), store_callbacks(jsonb) TO parley_app;
