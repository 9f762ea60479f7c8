-- What each customer with a deal has dealt.
select
    customer_id,
    {{ count_if("status = 'won'") }} as won_deal_count,
    coalesce(sum(case when status = 'won' then amount end), 0) as won_deal_amount,
    coalesce(sum(case when status = 'open' then amount end), 0) as open_deal_amount
from {{ ref('int_deals_valued') }}
where customer_id is not null
group by customer_id
