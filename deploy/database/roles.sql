-- Run once, as the database's superuser:  psql --dbname tongxing --file roles.sql
-- (after `createdb tongxing`).
--
-- Every process has a role and a schema of its own. The role `tongxing_X` is what `tongxing serve X` and
-- `tongxing work X` use: it reads and writes rows and nothing else. The role `tongxing_X_owner` owns the
-- tables; only `tongxing migrate` uses it. No role can see another process's schema.

REVOKE ALL ON SCHEMA public FROM PUBLIC;

DO $$
DECLARE
    process text;
    owner text;
    runner text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    FOREACH process IN ARRAY ARRAY['ra', 'ca', 'va', 'idp', 'signing', 'tsa'] LOOP
        owner := 'tongxing_' || process || '_owner';
        runner := 'tongxing_' || process;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = owner) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', owner);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = runner) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT CONNECTION LIMIT 60', runner);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), owner, runner);
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', process, owner);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', process, runner);
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', owner, current_database(), process);
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', runner, current_database(), process);
        -- Time-outs, so that one stuck statement does not hold the others up.
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = %L', runner, current_database(), '30s');
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = %L',
                       runner, current_database(), '60s');
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I '
                       'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', owner, process, runner);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I '
                       'GRANT USAGE ON SEQUENCES TO %I', owner, process, runner);
    END LOOP;
END
$$;
