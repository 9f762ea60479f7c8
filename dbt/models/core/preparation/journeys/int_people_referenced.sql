-- Who is meant by the references that clicked messages and social interactions carry: the contact,
-- else the account, else the owner of the e-mail, else of the telephone number.
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
        coalesce(c.customer_id, a.customer_id, e.customer_id, p.customer_id) as customer_id
    from touches as t
    left join {{ source('identity', 'assignments') }} as c
        on
            t.contact_id = c.source_id
            and c.source_system = 'crm'
            and c.source_table = 'contacts'
    left join {{ source('identity', 'assignments') }} as a
        on
            t.account_id = a.source_id
            and a.source_system = 'shop'
            and a.source_table = 'accounts'
    left join {{ source('identity', 'identifiers') }} as e
        on t.email = e.raw_value and e.identifier_kind = 'email'
    left join {{ source('identity', 'identifiers') }} as p
        on t.phone = p.raw_value and p.identifier_kind = 'phone'
)

select * from final
