-- Run after every `tongxing migrate`, as the database's superuser:
--     psql --dbname tongxing --file append-only.sql
--
-- The processes may add to their audit logs and read them; changing or removing what is written is not
-- theirs to do, also when one of them has been broken into. Nor may they change their own schema's version.

DO $$
DECLARE
    process text;
BEGIN
    FOREACH process IN ARRAY ARRAY['ra', 'ca', 'va', 'idp', 'signing', 'tsa'] LOOP
        IF to_regclass(format('%I.audit_record', process)) IS NOT NULL THEN
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I.audit_record FROM %I',
                           process, 'tongxing_' || process);
        END IF;
        IF to_regclass(format('%I.alembic_version', process)) IS NOT NULL THEN
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %I.alembic_version FROM %I',
                           process, 'tongxing_' || process);
        END IF;
    END LOOP;
END
$$;
