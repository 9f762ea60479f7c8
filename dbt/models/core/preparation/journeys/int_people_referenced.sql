-- Who is meant by the references that clicked messages and social interactions carry.
{%- set references = {
    'contact': 't.contact_id', 'account': 't.account_id', 'email': 't.email', 'phone': 't.phone'
} %}
with

touches as (
    select
        concat('message:', message_id) as touchpoint_id,
        'message' as kind,
        medium as word,
        campaign_id,
        occurred_at as touched_at,
        contact_id,
        account_id,
        email,
        phone
    from {{ ref('stg_marketing__messages') }}
    where event = 'clicked'

    union all

    select
        concat('social:', interaction_id) as touchpoint_id,
        'social' as kind,
        platform as word,
        cast(null as {{ dbt.type_string() }}) as campaign_id,
        occurred_at as touched_at,
        contact_id,
        account_id,
        email,
        cast(null as {{ dbt.type_string() }}) as phone
    from {{ ref('stg_marketing__social_interactions') }}
),

final as (
    select
        t.touchpoint_id,
        t.kind,
        t.word,
        t.campaign_id,
        t.touched_at,
        {{ owner_by(references) }} as customer_id
    from touches as t
    {{ join_owners(references) }}
)

select * from final
