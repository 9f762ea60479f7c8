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
{%- for field, rule in rules.items() if rule not in ['most_recent', 'most_trusted', 'most_frequent'] -%}
    {{ exceptions.raise_compiler_error('customer_contacts: unknown rule ' ~ rule ~ ' of ' ~ field) }}
{%- endfor %}

-- The loops below render to a layout that nobody reads.
-- noqa: disable=LT01,LT02,LT09,ST11
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

assignments as (
    select * from {{ source('identity', 'assignments') }}
    where customer_id in (select customer_id from customers)
),

identifiers as (
    select * from {{ source('identity', 'identifiers') }}
),

records as (
    select * from {{ ref('int_identity_records') }}
    where not is_deleted
),

assigned as (
    select
        a.customer_id,
        concat(r.source_system, '.', r.source_table, '/', r.source_id) as source,
        coalesce(r.updated_at, r.seen_at) as known_at,
        case concat(r.source_system, '.', r.source_table)
            {%- for source, weight in trust.items() %}
            when '{{ source }}' then {{ weight }}
            {%- endfor %}
            else 0
        end as trust
        {%- for field in rules %},
        {% if field in normalised -%}
            {{ field }}_n.normalised_value as {{ field }}
        {%- elif field == 'birth_date' -%}
            r.birth_date
        {%- else -%}
            nullif(trim(r.{{ field }}), '') as {{ field }}
        {%- endif %}
        {%- endfor %}
    from records as r
    inner join assignments as a
        on
            r.source_system = a.source_system
            and r.source_table = a.source_table
            and r.source_id = a.source_id
    {%- for field in normalised %}
    left join identifiers as {{ field }}_n
        on r.{{ field }} = {{ field }}_n.raw_value and {{ field }}_n.identifier_kind = '{{ field }}'
    {%- endfor %}
),

ranked as (
    select
        *,
        row_number() over (order by known_at nulls first, trust, source) as most_recent
    from assigned
),

{% for field in frequent -%}
{{ field }}_values as (
    select
        customer_id,
        {{ field }},
        max(most_recent) as most_recent,
        count(*) * {{ more_than_any_rank }} + max(most_recent) as value_rank
    from ranked
    where {{ field }} is not null
    group by customer_id, {{ field }}
),

{{ field }}_chosen as (
    select
        customer_id,
        {{ arg_max(field, 'value_rank') }} as {{ field }},
        {{ arg_max('most_recent', 'value_rank') }} as most_recent
    from {{ field }}_values
    group by customer_id
),

{% endfor -%}
golden as (
    select
        customer_id
        {%- for field, rule in rules.items() if rule != 'most_frequent' %}
        {%- set rank = 'most_recent' if rule == 'most_recent' else 'trust * ' ~ more_than_any_rank ~ ' + most_recent' %},
        {{ arg_max(field, rank) }} as {{ field }},
        {{ arg_max('case when ' ~ field ~ ' is not null then source end', rank) }} as {{ field }}_source
        {%- endfor %}
    from ranked
    group by customer_id
),

final as (
    select
        c.customer_id
        {%- for field in rules %},
        {%- if field in frequent %}
        {{ field }}_chosen.{{ field }},
        {{ field }}_ranked.source as {{ field }}_source
        {%- else %}
        g.{{ field }},
        g.{{ field }}_source
        {%- endif %}
        {%- endfor %},
        c.resolved_at,
        '{{ rules_version }}' as rules_version
    from customers as c
    left join golden as g on c.customer_id = g.customer_id
    {%- for field in frequent %}
    left join {{ field }}_chosen on c.customer_id = {{ field }}_chosen.customer_id
    left join ranked as {{ field }}_ranked on {{ field }}_chosen.most_recent = {{ field }}_ranked.most_recent
    {%- endfor %}
)

select * from final
