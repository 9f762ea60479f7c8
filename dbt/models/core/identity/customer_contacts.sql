-- The golden record: of each field the value that survives among the person's records, by the rule
-- that the seed survivorship names for the field.
{%- set identifiers = ['email', 'phone', 'national_id', 'loyalty_card'] %}
{%- set fields = [
    'first_name', 'middle_name', 'last_name', 'email', 'phone', 'birth_date', 'gender',
    'street_address', 'city', 'region', 'postal_code', 'country', 'company', 'national_id',
    'loyalty_card',
] %}
with

field_rules as (
    select
        {%- for field in fields %}
        max(case when field = '{{ field }}' then rule end) as {{ field }}_rule,
        {%- endfor %}
        {{ string_agg("concat(field, ':', rule)", ',', 'field') }} as written
    from {{ ref('survivorship') }}
),

source_ranks as (
    select {{ string_agg("concat(source, ':', trust)", ',', 'source') }} as written
    from {{ ref('source_trust') }}
),

rules as (
    select {{ hash_text("concat('" ~ local_md5(model.raw_code) ~ "', f.written, s.written)") }} as version
    from field_rules as f
    cross join source_ranks as s
),

-- Everybody, or those whose records the identity step looked at again since their golden record was
-- made; after a change of the rules everybody again.
customers as (
    select
        c.customer_id,
        c.resolved_at,
        r.version as rules_version
    from {{ source('identity', 'customers') }} as c
    cross join rules as r
    {%- if is_incremental() %}
    left join {{ this }} as kept
        on c.customer_id = kept.customer_id and r.version = kept.rules_version
    where kept.customer_id is null or kept.resolved_at is distinct from c.resolved_at
    {%- endif %}
),

-- Of a few people the records first: DuckDB would join everybody's with all that they say.
assigned as (
    select {{ 'distinct' if is_incremental() else '' }}
        a.customer_id,
        a.source_system,
        a.source_table,
        a.source_id
    from customers as c
    inner join {{ source('identity', 'assignments') }} as a
        on c.customer_id = a.customer_id and a.method <> 'visitor'
),

-- What each record says. One that is deleted at its source says nothing.
records as (
    select
        a.customer_id,
        concat(r.source_system, '.', r.source_table, '/', r.source_id) as source,
        coalesce(r.updated_at, r.seen_at) as known_at,
        coalesce(t.trust, 0) as trust,
        nullif(trim(r.first_name), '') as first_name,
        nullif(trim(r.middle_name), '') as middle_name,
        nullif(trim(r.last_name), '') as last_name,
        r.email,
        r.phone,
        cast(r.birth_date as {{ dbt.type_string() }}) as birth_date,
        nullif(trim(r.gender), '') as gender,
        nullif(trim(r.street_address), '') as street_address,
        nullif(trim(r.city), '') as city,
        nullif(trim(r.region), '') as region,
        nullif(trim(r.postal_code), '') as postal_code,
        nullif(trim(r.country), '') as country,
        nullif(trim(r.company), '') as company,
        r.national_id,
        r.loyalty_card
    from assigned as a
    inner join {{ ref('int_identity_records') }} as r
        on
            a.source_system = r.source_system
            and a.source_table = r.source_table
            and a.source_id = r.source_id
    left join {{ ref('source_trust') }} as t
        on concat(r.source_system, '.', r.source_table) = t.source
    where not r.is_deleted
),

-- The forms of the identifiers that these records state, or of all.
identifiers as (
    select
        identifier_kind,
        raw_value,
        normalised_value
    from {{ source('identity', 'identifiers') }}
    {%- if is_incremental() %}
    where
        raw_value in (select r.email from records as r)
        or raw_value in (select r.phone from records as r)
        or raw_value in (select r.national_id from records as r)
        or raw_value in (select r.loyalty_card from records as r)
    {%- endif %}
),

-- Identifiers in the one form in which they are compared; what is none is no value. Of a person's
-- records the newest has the highest place.
stated as (
    select
        r.customer_id,
        r.source,
        r.trust,
        {%- for field in fields %}
        {{ field ~ '_i.normalised_value' if field in identifiers else 'r.' ~ field }} as {{ field }},
        {%- endfor %}
        row_number() over (
            partition by r.customer_id order by r.known_at nulls first, r.trust, r.source
        ) as place
    from records as r
    left join identifiers as email_i
        on email_i.identifier_kind = 'email' and r.email = email_i.raw_value
    left join identifiers as phone_i
        on phone_i.identifier_kind = 'phone' and r.phone = phone_i.raw_value
    left join identifiers as national_id_i
        on national_id_i.identifier_kind = 'national_id' and r.national_id = national_id_i.raw_value
    left join identifiers as loyalty_card_i
        on loyalty_card_i.identifier_kind = 'loyalty_card' and r.loyalty_card = loyalty_card_i.raw_value
),

-- Fields of which the most frequent value survives; the others are left out.
frequent as (
    select
        s.customer_id,
        {%- for field in fields %}
        case when f.{{ field }}_rule = 'most_frequent' then s.{{ field }} end as {{ field }},
        {%- endfor %}
        s.place
    from stated as s
    cross join field_rules as f
),

-- The same in long form: a row for each value.
delivered as (
    select
        customer_id,
        place,
        field,
        delivered_value
    from frequent
    unpivot (
        delivered_value for field in ({{ fields | join(', ') }})
    )
),

counted as (
    select
        customer_id,
        field,
        max(place) as place,
        count(*) as records
    from delivered
    group by customer_id, field, delivered_value
),

most_frequent as (
    select
        {%- for field in fields %}
        {%- set place = "case when field = '" ~ field ~ "' then place end" %}
        {{ arg_max(place, 'records * 1000000000 + place') }} as {{ field }},
        {%- endfor %}
        customer_id
    from counted
    group by customer_id
),

-- Of each field the record of the highest rank survives: the rule decides, then what is newest.
ranked as (
    select
        {%- for field in fields %}
        s.{{ field }},
        case
            when s.{{ field }} is null then null
            when f.{{ field }}_rule = 'most_recent' then s.place
            when f.{{ field }}_rule = 'most_trusted'
                then cast(s.trust as bigint) * 1000000000 + s.place
            when f.{{ field }}_rule = 'most_frequent' and s.place = m.{{ field }} then s.place
        end as {{ field }}_rank,
        {%- endfor %}
        s.customer_id,
        s.source
    from stated as s
    cross join field_rules as f
    left join most_frequent as m on s.customer_id = m.customer_id
),

-- Somebody whose records are all deleted stays, with nothing.
final as (
    select
        c.customer_id,
        {%- for field in fields %}
        {%- set survivor = arg_max('r.' ~ field, 'r.' ~ field ~ '_rank') %}
        {{ 'cast(' ~ survivor ~ ' as date)' if field == 'birth_date' else survivor }} as {{ field }},
        {{ arg_max('r.source', 'r.' ~ field ~ '_rank') }} as {{ field }}_source,
        {%- endfor %}
        max(c.resolved_at) as resolved_at,
        max(c.rules_version) as rules_version
    from customers as c
    left join ranked as r on c.customer_id = r.customer_id
    group by c.customer_id
)

select * from final
