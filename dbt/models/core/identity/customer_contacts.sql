-- While dbt parses, the loops below have no rules and name no source.
-- depends_on: {{ source('identity', 'identifiers') }}
-- The loops below render to a layout that nobody reads.
-- noqa: disable=LT01,LT02,LT09,ST11
{#- The rules are data, in this model's YAML file. A record is made anew when the identity step
    looked at its customer again, or when these rules changed; the others stay as they are. -#}
{%- set rules = (config.get('meta') or {}).get('survivorship', {}) -%}
{%- set trust = (config.get('meta') or {}).get('source_trust', {}) -%}
{%- set frequent = rules.items() | selectattr(1, 'equalto', 'most_frequent') | map(attribute=0) | list -%}
{%- set more_than_any_rank = 'cast(1000000000000 as bigint)' -%}
{%- set normalised = ['email', 'phone', 'loyalty_card', 'national_id'] -%}
{%- set rules_version = local_md5(model.raw_code ~ (rules | string) ~ (trust | string)) -%}
{%- set is_kept = is_incremental() and (
    adapter.get_columns_in_relation(this) | selectattr('name', 'equalto', 'rules_version') | list
) -%}
{#- Expression of each field over a record, and the join that it needs. -#}
{%- set values = {} -%}
{%- set joins = {} -%}
{%- for field in rules -%}
    {%- set value -%}
        case when not r.is_deleted then
            {%- if field in normalised %} {{ field }}_n.normalised_value
            {%- elif field == 'birth_date' %} r.birth_date
            {%- else %} nullif(trim(r.{{ field }}), '')
            {%- endif %} end
    {%- endset -%}
    {%- set join -%}
        {%- if field in normalised -%}
        left join {{ source('identity', 'identifiers') }} as {{ field }}_n
            on r.{{ field }} = {{ field }}_n.raw_value and {{ field }}_n.identifier_kind = '{{ field }}'
        {%- endif -%}
    {%- endset -%}
    {%- set _ = values.update({field: value}) -%}
    {%- set _ = joins.update({field: join}) -%}
{%- endfor -%}
{#- Tables are named and not read through a common expression each: DuckDB would hold all of them in
    memory. A customer whose records are all deleted stays, with nothing. -#}
{%- set from_records -%}
    from {{ source('identity', 'assignments') }} as a
    inner join customers as c on a.customer_id = c.customer_id and a.method <> 'visitor'
    inner join {{ ref('int_identity_records') }} as r
        on
            a.source_system = r.source_system
            and a.source_table = r.source_table
            and a.source_id = r.source_id
{%- endset -%}
{%- for field, rule in rules.items() if rule not in ['most_recent', 'most_trusted', 'most_frequent'] -%}
    {{ exceptions.raise_compiler_error('customer_contacts: unknown rule ' ~ rule ~ ' of ' ~ field) }}
{%- endfor %}

with

customers as (
    select
        c.customer_id,
        c.resolved_at
    from {{ source('identity', 'customers') }} as c
    {%- if is_kept %}
    left join {{ this }} as k
        on c.customer_id = k.customer_id and k.rules_version = '{{ rules_version }}'
    where k.customer_id is null or k.resolved_at is distinct from c.resolved_at
    {%- endif %}
),

assigned as (
    select
        a.customer_id,
        c.resolved_at,
        concat(r.source_system, '.', r.source_table, '/', r.source_id) as source,
        coalesce(r.updated_at, r.seen_at) as known_at,
        case concat(r.source_system, '.', r.source_table)
            {%- for source, weight in trust.items() %}
            when '{{ source }}' then {{ weight }}
            {%- endfor %}
            else 0
        end as trust
        {%- for field in rules %},
        {{ values[field] }} as {{ field }}
        {%- endfor %}
    {{ from_records }}
    {%- for field in rules %}
    {{ joins[field] }}
    {%- endfor %}
),

-- A rank for each customer: one for all would sort every record of the company at once.
ranked as (
    select
        *,
        row_number() over (
            partition by customer_id order by known_at nulls first, trust, source
        ) as most_recent
    from assigned
),

{% for field in frequent -%}
{{ field }}_counts as (
    select
        a.customer_id,
        {{ values[field] }} as {{ field }},
        count(*) as records
    {{ from_records }}
    {{ joins[field] }}
    group by 1, 2
),

{% endfor -%}
final as (
    select
        r.customer_id
        {%- for field, rule in rules.items() %}
        {%- set rank = {
            'most_recent': '',
            'most_trusted': 'r.trust * ' ~ more_than_any_rank ~ ' + ',
            'most_frequent': field ~ '_counts.records * ' ~ more_than_any_rank ~ ' + ',
        }[rule] ~ 'r.most_recent' %},
        {{ arg_max('r.' ~ field, rank) }} as {{ field }},
        {{ arg_max('case when r.' ~ field ~ ' is not null then r.source end', rank) }}
            as {{ field }}_source
        {%- endfor %},
        max(r.resolved_at) as resolved_at,
        '{{ rules_version }}' as rules_version
    from ranked as r
    {%- for field in frequent %}
    left join {{ field }}_counts
        on
            r.customer_id = {{ field }}_counts.customer_id
            and r.{{ field }} = {{ field }}_counts.{{ field }}
    {%- endfor %}
    group by r.customer_id
)

select * from final
