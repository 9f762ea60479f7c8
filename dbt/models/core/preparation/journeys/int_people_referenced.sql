-- Who is meant by the references that clicked messages and social interactions carry.
{%- set references = {
    'contact': 't.contact_id', 'account': 't.account_id', 'email': 't.email', 'phone': 't.phone'
} %}
{%- set moved_owners %}
select
    reference_kind,
    reference
from {{ changes_of('int_owners_resolved') }} as changed_owners
{% endset %}
{% call increment_by('touchpoint_id') %}
select concat('message:', message_id) from {{ changes_of('stg_marketing__messages') }} as messages
where event = 'clicked'

union all

select concat('social:', interaction_id)
from {{ changes_of('stg_marketing__social_interactions') }} as interactions
{% for kind, column in references.items() %}
union all

select concat('message:', t.message_id)
from {{ ref('stg_marketing__messages') }} as t
inner join ({{ moved_owners }}) as o
    on {{ column }} = o.reference and o.reference_kind = '{{ kind }}'
where t.event = 'clicked'
{% if kind != 'phone' %}
union all

select concat('social:', t.interaction_id)
from {{ ref('stg_marketing__social_interactions') }} as t
inner join ({{ moved_owners }}) as o
    on {{ column }} = o.reference and o.reference_kind = '{{ kind }}'
{% endif %}
{% endfor %}
union all

select concat('message:', t.message_id)
from {{ ref('stg_marketing__messages') }} as t
inner join {{ changes_of('int_campaigns_named') }} as n
    on {{ campaign_text('t.campaign_id') }} = n.campaign_text
where t.event = 'clicked'
{% endcall %}
with

touches as (
    select
        concat('message:', message_id) as touchpoint_id,
        'message' as kind,
        message_id,
        medium as word,
        campaign_id,
        occurred_at as touched_at,
        contact_id,
        account_id,
        email,
        phone
    from {{ ref('stg_marketing__messages') }}
    where event = 'clicked' and {{ is_within("concat('message:', message_id)") }}

    union all

    select
        concat('social:', interaction_id) as touchpoint_id,
        'social' as kind,
        cast(null as {{ dbt.type_string() }}) as message_id,
        platform as word,
        cast(null as {{ dbt.type_string() }}) as campaign_id,
        occurred_at as touched_at,
        contact_id,
        account_id,
        email,
        cast(null as {{ dbt.type_string() }}) as phone
    from {{ ref('stg_marketing__social_interactions') }}
    where {{ is_within("concat('social:', interaction_id)") }}
),

final as (
    select
        t.touchpoint_id,
        t.kind,
        t.message_id,
        t.word,
        case when t.kind = 'social' then 'organic_social' else coalesce(w.channel, 'unassigned') end
            as channel,
        n.campaign_id,
        t.touched_at,
        {{ owner_by(references) }} as customer_id
    from touches as t
    {{ join_owners(references) }}
    left join {{ ref('int_channel_words') }} as w on {{ channel_word('t.word') }} = w.word
    left join {{ ref('int_campaigns_named') }} as n
        on {{ campaign_text('t.campaign_id') }} = n.campaign_text
)

select * from final
