-- When each customer was first seen, and through which channel they came: that of the last touch
-- up to the first sale, else of the first touch, else the one that the word means which the CRM or
-- the shop recorded, else unassigned.
with

customers as (
    select customer_id from {{ source('identity', 'customers') }}
),

records as (
    select
        assignments.customer_id,
        records.seen_at
    from {{ ref('int_identity_records') }} as records
    inner join {{ source('identity', 'assignments') }} as assignments
        on
            records.source_system = assignments.source_system
            and records.source_table = assignments.source_table
            and records.source_id = assignments.source_id
),

orders as (
    select
        customer_id,
        ordered_at,
        is_sale
    from {{ ref('int_orders_valued') }}
    where customer_id is not null
),

touches as (
    select
        customer_id,
        touchpoint_id,
        channel,
        touched_at
    from {{ ref('touchpoints') }}
    where customer_id is not null
),

seen as (
    select
        customer_id,
        min(seen_at) as seen_at
    from records
    group by customer_id

    union all

    select
        customer_id,
        min(ordered_at) as seen_at
    from orders
    group by customer_id

    union all

    select
        customer_id,
        min(touched_at) as seen_at
    from touches
    group by customer_id
),

first_seen as (
    select
        customer_id,
        min(seen_at) as first_seen_at
    from seen
    group by customer_id
),

first_sales as (
    select
        customer_id,
        min(ordered_at) as first_order_at
    from orders
    where is_sale
    group by customer_id
),

-- The moment of the touch that counts, and then the touch: two numbers a person, and no sort of
-- all touches.
touch_moments as (
    select
        touches.customer_id,
        min(touches.touched_at) as first_at,
        max(case when touches.touched_at <= first_sales.first_order_at then touches.touched_at end)
            as last_before_sale_at
    from touches
    left join first_sales
        on touches.customer_id = first_sales.customer_id
    group by touches.customer_id
),

touch_channels as (
    select
        touches.customer_id,
        case
            when moments.last_before_sale_at is null
                then {{ arg_min('touches.channel', 'touches.touchpoint_id') }}
            else {{ arg_max('touches.channel', 'touches.touchpoint_id') }}
        end as channel
    from touches
    inner join touch_moments as moments
        on
            touches.customer_id = moments.customer_id
            and touches.touched_at = coalesce(moments.last_before_sale_at, moments.first_at)
    group by touches.customer_id, moments.last_before_sale_at
),

recorded as (
    select
        owners.customer_id,
        contacts.lead_source as word,
        0 as is_registration,
        contacts.created_at as recorded_at,
        contacts.contact_id as record_id
    from {{ ref('stg_crm__contacts') }} as contacts
    inner join {{ ref('int_owners_resolved') }} as owners
        on contacts.contact_id = owners.reference and owners.reference_kind = 'contact'
    where trim(contacts.lead_source) <> ''

    union all

    select
        owners.customer_id,
        accounts.registration_channel as word,
        1 as is_registration,
        accounts.registered_at as recorded_at,
        accounts.account_id as record_id
    from {{ ref('stg_shop__accounts') }} as accounts
    inner join {{ ref('int_owners_resolved') }} as owners
        on accounts.account_id = owners.reference and owners.reference_kind = 'account'
    where trim(accounts.registration_channel) <> ''
),

ranked_records as (
    select
        customer_id,
        word,
        row_number() over (
            partition by customer_id
            order by is_registration, recorded_at nulls last, record_id
        ) as place
    from recorded
),

final as (
    select
        customers.customer_id,
        first_seen.first_seen_at,
        coalesce(touch_channels.channel, words.channel, 'unassigned') as acquisition_channel,
        trim(ranked_records.word) as acquisition_source
    from customers
    left join first_seen
        on customers.customer_id = first_seen.customer_id
    left join touch_channels
        on customers.customer_id = touch_channels.customer_id
    left join ranked_records
        on
            customers.customer_id = ranked_records.customer_id
            and ranked_records.place = 1
    left join {{ ref('int_channel_words') }} as words
        on {{ channel_word('ranked_records.word') }} = words.word
)

select * from final
