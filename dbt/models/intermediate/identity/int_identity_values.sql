-- Every distinct raw value of every column that holds an identifier, wherever it stands: messages,
-- consents and surveys find their customer by joining on it, so no SQL ever normalises.
{% set holders = [
    ('email', 'stg_crm__contacts', 'email'),
    ('email', 'stg_crm__contact_points', 'value'),
    ('email', 'stg_crm__consents', 'email'),
    ('email', 'stg_crm__surveys', 'email'),
    ('email', 'stg_crm__erasure_requests', 'email'),
    ('email', 'stg_shop__accounts', 'email'),
    ('email', 'stg_shop__orders', 'email'),
    ('email', 'stg_marketing__messages', 'email'),
    ('email', 'stg_marketing__social_interactions', 'email'),
    ('email', 'stg_marketing__experiment_assignments', 'subject_id'),
    ('email', 'stg_call_center__tickets', 'email'),
    ('phone', 'stg_crm__contacts', 'phone'),
    ('phone', 'stg_crm__contact_points', 'value'),
    ('phone', 'stg_crm__consents', 'phone'),
    ('phone', 'stg_crm__surveys', 'phone'),
    ('phone', 'stg_crm__erasure_requests', 'phone'),
    ('phone', 'stg_shop__accounts', 'phone'),
    ('phone', 'stg_shop__orders', 'phone'),
    ('phone', 'stg_marketing__messages', 'phone'),
    ('phone', 'stg_call_center__calls', 'customer_phone'),
    ('phone', 'stg_call_center__tickets', 'phone'),
    ('loyalty_card', 'stg_crm__contacts', 'loyalty_card'),
    ('loyalty_card', 'stg_shop__accounts', 'loyalty_card'),
    ('loyalty_card', 'stg_shop__orders', 'loyalty_card'),
    ('loyalty_card', 'stg_shop__loyalty_transactions', 'loyalty_card'),
    ('national_id', 'stg_crm__contacts', 'national_id')
] %}

with raw_values as (
    {% for identifier_kind, model, column in holders %}
    select distinct
        '{{ identifier_kind }}' as identifier_kind,
        {{ column }} as raw_value
    from {{ ref(model) }}
    where
        {{ column }} is not null
        {% if column == 'subject_id' %} and subject_kind = 'email'{% endif %}
        {% if column == 'value' %} and kind = '{{ identifier_kind }}'{% endif %}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

final as (
    select distinct
        identifier_kind,
        raw_value
    from raw_values
)

select * from final
