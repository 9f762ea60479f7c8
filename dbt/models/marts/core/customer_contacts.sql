{#- The rules are data, in this model's YAML file. -#}
{%- set rules = (config.get('meta') or {}).get('survivorship', {}) -%}
{%- set trust = (config.get('meta') or {}).get('source_trust', {}) -%}
{%- set frequent = rules.items() | selectattr(1, 'equalto', 'most_frequent') | map(attribute=0) | list -%}
{%- set normalised = ['email', 'phone', 'loyalty_card', 'national_id'] -%}
{%- for field, rule in rules.items() if rule not in ['most_recent', 'most_trusted', 'most_frequent'] -%}
    {{ exceptions.raise_compiler_error('customer_contacts: unknown rule ' ~ rule ~ ' of ' ~ field) }}
{%- endfor %}

-- The loops below render to a layout that nobody reads.
-- noqa: disable=LT01,LT02,LT09,ST11
with

customers as (
    select customer_id from {{ source('identity', 'customers') }}
),

assignments as (
    select * from {{ source('identity', 'assignments') }}
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
        row_number() over (order by known_at nulls first, trust, source) as most_recent,
        row_number() over (order by trust, known_at nulls first, source) as most_trusted
        {%- for field in frequent %},
        count({{ field }}) over (partition by customer_id, {{ field }}) as {{ field }}_count
        {%- endfor %}
    from assigned
),

golden as (
    select
        customer_id
        {%- for field, rule in rules.items() %}
        {%- set rank %}
            {%- if rule == 'most_frequent' -%}
                {{ field }}_count * cast(1000000000 as bigint) + most_recent
            {%- else -%}
                {{ rule }}
            {%- endif -%}
        {% endset %},
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
        g.{{ field }},
        g.{{ field }}_source
        {%- endfor %}
    from customers as c
    left join golden as g on c.customer_id = g.customer_id
)

select * from final
