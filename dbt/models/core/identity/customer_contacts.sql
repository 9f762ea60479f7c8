-- The golden record: of each field the value that survives among the person's records, by the rule
-- that the seed survivorship names for the field.
with

field_rules as (
    select {{ string_agg("concat(field, ':', rule)", ',', 'field') }} as written
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

-- What each record says. One that is deleted at its source says nothing.
records as (
    select
        c.customer_id,
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
    from customers as c
    inner join {{ source('identity', 'assignments') }} as a
        on c.customer_id = a.customer_id and a.method <> 'visitor'
    inner join {{ ref('int_identity_records') }} as r
        on
            a.source_system = r.source_system
            and a.source_table = r.source_table
            and a.source_id = r.source_id
    left join {{ ref('source_trust') }} as t
        on concat(r.source_system, '.', r.source_table) = t.source
    where not r.is_deleted
),

-- The same in long form: a row for each value.
delivered as (
    select
        customer_id,
        source,
        known_at,
        trust,
        field,
        delivered_value
    from records
    unpivot (
        delivered_value for field in (
            first_name, middle_name, last_name, email, phone, birth_date, gender, street_address,
            city, region, postal_code, country, company, national_id, loyalty_card
        )
    )
),

-- Identifiers in the one form in which they are compared; what is none is no value.
stated as (
    select
        d.customer_id,
        d.field,
        case
            when d.field in ('email', 'phone', 'national_id', 'loyalty_card') then i.normalised_value
            else d.delivered_value
        end as value,
        d.source,
        d.known_at,
        d.trust,
        s.rule
    from delivered as d
    inner join {{ ref('survivorship') }} as s on d.field = s.field
    left join {{ source('identity', 'identifiers') }} as i
        on d.field = i.identifier_kind and d.delivered_value = i.raw_value
),

counted as (
    select
        customer_id,
        field,
        value,
        count(*) as records
    from stated
    where rule = 'most_frequent'
    group by customer_id, field, value
),

-- Rank 1 survives. The rule decides first, then what is newest, then trust, then the key.
ranked as (
    select
        s.customer_id,
        s.field,
        s.value,
        s.source,
        row_number() over (
            partition by s.customer_id, s.field
            order by
                case s.rule
                    when 'most_trusted' then s.trust
                    when 'most_frequent' then c.records
                    else 0
                end desc,
                s.known_at desc nulls last,
                s.trust desc,
                s.source desc
        ) as place
    from stated as s
    left join counted as c
        on s.customer_id = c.customer_id and s.field = c.field and s.value = c.value
    where s.value is not null
),

surviving as (
    select
        customer_id,
        field,
        value,
        source
    from ranked
    where place = 1
),

-- One row a person again; somebody whose records are all deleted stays, with nothing.
final as (
    select
        c.customer_id,
        max(case when s.field = 'first_name' then s.value end) as first_name,
        max(case when s.field = 'first_name' then s.source end) as first_name_source,
        max(case when s.field = 'middle_name' then s.value end) as middle_name,
        max(case when s.field = 'middle_name' then s.source end) as middle_name_source,
        max(case when s.field = 'last_name' then s.value end) as last_name,
        max(case when s.field = 'last_name' then s.source end) as last_name_source,
        max(case when s.field = 'email' then s.value end) as email,
        max(case when s.field = 'email' then s.source end) as email_source,
        max(case when s.field = 'phone' then s.value end) as phone,
        max(case when s.field = 'phone' then s.source end) as phone_source,
        cast(max(case when s.field = 'birth_date' then s.value end) as date) as birth_date,
        max(case when s.field = 'birth_date' then s.source end) as birth_date_source,
        max(case when s.field = 'gender' then s.value end) as gender,
        max(case when s.field = 'gender' then s.source end) as gender_source,
        max(case when s.field = 'street_address' then s.value end) as street_address,
        max(case when s.field = 'street_address' then s.source end) as street_address_source,
        max(case when s.field = 'city' then s.value end) as city,
        max(case when s.field = 'city' then s.source end) as city_source,
        max(case when s.field = 'region' then s.value end) as region,
        max(case when s.field = 'region' then s.source end) as region_source,
        max(case when s.field = 'postal_code' then s.value end) as postal_code,
        max(case when s.field = 'postal_code' then s.source end) as postal_code_source,
        max(case when s.field = 'country' then s.value end) as country,
        max(case when s.field = 'country' then s.source end) as country_source,
        max(case when s.field = 'company' then s.value end) as company,
        max(case when s.field = 'company' then s.source end) as company_source,
        max(case when s.field = 'national_id' then s.value end) as national_id,
        max(case when s.field = 'national_id' then s.source end) as national_id_source,
        max(case when s.field = 'loyalty_card' then s.value end) as loyalty_card,
        max(case when s.field = 'loyalty_card' then s.source end) as loyalty_card_source,
        max(c.resolved_at) as resolved_at,
        max(c.rules_version) as rules_version
    from customers as c
    left join surviving as s on c.customer_id = s.customer_id
    group by c.customer_id
)

select * from final
