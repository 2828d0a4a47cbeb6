"""A search whose cost follows the tenant's size, not the database's.

Revision: 0013
Follows: 0012
"""

from __future__ import annotations

from alembic import op

from migrations.online import concurrently
from migrations.security import open_function

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ENTITIES = ("customers", "vendors", "products", "accounts")
OF_PIECES = "using gin (masterdata.pieces(tenant_id, search)) with (gin_pending_list_limit = 512)"
OF_TRIGRAMS = "using gin (tenant_id, search platform.gin_trgm_ops) with (gin_pending_list_limit = 512)"


def upgrade() -> None:
    """Index each tenant's pieces of words apart from all others'."""
    # Three bytes of a text, with the tenant in front of them, are one number. A trigram index has one list of
    # all the tenants' rows with a piece, and reads all of it for each search; this one has a list for each
    # tenant. Bytes are pieces of any script, whatever the locale; spaces are doubled so that the first letter
    # of a word is a piece, with the two before it.
    op.execute("""
        create or replace function masterdata.pieces(p_tenant uuid, p_text text) returns bigint[]
        language sql immutable strict parallel safe
        begin atomic
            select array_agg(
                t.tenant | (get_byte(t.bytes, i) << 16) | (get_byte(t.bytes, i + 1) << 8)
                | get_byte(t.bytes, i + 2)
            )
            from (
                select ('x' || right(p_tenant::text, 10))::bit(40)::bigint << 24 as tenant,
                       convert_to(replace(p_text, ' ', '  '), 'UTF8') as bytes
                offset 0
            ) t, generate_series(0, octet_length(t.bytes) - 3) i;
        end
    """)
    open_function("masterdata", "masterdata.pieces(uuid, text)")
    _index("pieces", OF_PIECES)
    # Row-level security keeps what is not leakproof from the index. So the owner searches, within the tenant
    # that the transaction has entered and no other. As written, whole words go before beginnings, and those
    # before the rest. Where nothing is as written, words alike are found: those with six in ten of the
    # query's trigrams. Who lacks no more than four in ten of them has one at least of any that are more than
    # those; a few such groups, each a look into the index, leave little to compare.
    op.execute("""
        create or replace function masterdata.search(p_entity text, p_patterns text[], p_query text)
        returns table (id uuid, rank bigint)
        language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp as $$
        declare
            v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
            v_from text;
            v_pieces bigint[];
            v_beginnings text[];
            v_words text[];
            v_lacking integer;
            v_alike text;
        begin
            if v_tenant is null or coalesce(cardinality(p_patterns), 0) = 0 then
                return;
            end if;
            if p_entity not in ('customers', 'vendors', 'products', 'accounts') then
                raise exception 'there are no % to search', p_entity;
            end if;
            v_from := format('from masterdata.%I r where r.tenant_id = $1', p_entity);
            select array_agg('% ' || term || '%'), array_agg('% ' || term || ' %') into v_beginnings, v_words
            from (select trim(pattern, '% ') from unnest(p_patterns) pattern) t(term);
            select array_agg(piece) into v_pieces
            from unnest(p_patterns) pattern, unnest(masterdata.pieces(v_tenant, trim(pattern, '%'))) piece;
            return query execute
                'select r.id, case when r.search like all ($5) then 1000::bigint '
                'when r.search like all ($4) then 800 else 600 end ' || v_from ||
                ' and masterdata.pieces(r.tenant_id, r.search) @> $2 and r.search like all ($3)'
                using v_tenant, v_pieces, p_patterns, v_beginnings, v_words;
            if found then
                return;
            end if;
            v_words := string_to_array(p_query, ' ');
            select array_agg(piece order by place) into v_pieces from (
                select p.piece, min(w.place * 1000 + p.place) as place
                from unnest(v_words) with ordinality w(word, place),
                     -- Without the first and last, which almost any word or text may begin or end with.
                     unnest((masterdata.pieces(v_tenant, ' ' || word || ' '))[2:octet_length(word) + 1])
                         with ordinality p(piece, place)
                group by p.piece
            ) t;
            v_lacking := floor(0.4 * (cardinality(v_pieces) + cardinality(v_words)))
                * case when octet_length(p_query) = length(p_query) then 1 else 4 end;
            select string_agg(
                format(' and masterdata.pieces(r.tenant_id, r.search) && $2[%s:%s]', n, n + v_lacking), '')
            into v_alike
            from generate_series(1, greatest(1, cardinality(v_pieces) - v_lacking),
                                 greatest(1, (cardinality(v_pieces) - v_lacking) / 4)) n;
            return query execute
                'select r.id, (1000 * platform.word_similarity($3, r.search))::bigint ' || v_from || v_alike
                || ' and platform.word_similarity($3, r.search) >= 0.6'
                using v_tenant, v_pieces, p_query;
        end $$
    """)
    _drop("tenant_id_search")


def downgrade() -> None:
    """Search by trigrams again."""
    _index("tenant_id_search", OF_TRIGRAMS)
    op.execute("""
        create or replace function masterdata.search(p_entity text, p_patterns text[], p_query text)
        returns table (id uuid, rank bigint)
        language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp as $$
        declare
            v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
            v_matches text;
            v_select text;
        begin
            if v_tenant is null or coalesce(cardinality(p_patterns), 0) = 0 then
                return;
            end if;
            if p_entity not in ('customers', 'vendors', 'products', 'accounts') then
                raise exception 'there are no % to search', p_entity;
            end if;
            v_select := format(
                'select r.id, (1000 * platform.word_similarity($3, r.search))::bigint from masterdata.%I r '
                'where r.tenant_id = $1 and ', p_entity);
            select string_agg(format('r.search like $2[%s]', i), ' and ') into v_matches
            from generate_subscripts(p_patterns, 1) i;
            return query execute v_select || v_matches using v_tenant, p_patterns, p_query;
            if not found then
                return query execute v_select || '$3 operator(platform.<%) r.search'
                using v_tenant, p_patterns, p_query;
            end if;
        end $$
    """)
    _drop("pieces")
    op.execute("drop function masterdata.pieces(uuid, text)")


def _index(what: str, definition: str) -> None:
    """Index every entity while it is in use."""
    _drop(what)
    with concurrently():
        for entity in ENTITIES:
            op.execute(f"create index concurrently {entity}_{what}_idx on masterdata.{entity} {definition}")


def _drop(what: str) -> None:
    with concurrently():
        for entity in ENTITIES:
            op.execute(f"drop index concurrently if exists masterdata.{entity}_{what}_idx")
