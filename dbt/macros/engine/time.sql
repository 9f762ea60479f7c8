{# Time. Timestamps are naive and in UTC; the business time zone and as_of are read from
   control.parameters, because a changed dbt variable would parse the whole project again. #}

{% macro business_time_zone() -%}
    (select p.time_zone from {{ source('control', 'parameters') }} as p)
{%- endmacro %}

{% macro as_of() -%}
    (select p.as_of from {{ source('control', 'parameters') }} as p)
{%- endmacro %}

{# Local time of the business, as a naive timestamp, of a UTC timestamp. #}
{% macro to_business_time(ts) -%}
    {{ adapter.dispatch('to_business_time', 'hourglass')(ts) }}
{%- endmacro %}

{% macro default__to_business_time(ts) -%}
    timezone({{ business_time_zone() }}, timezone('UTC', {{ ts }}))
{%- endmacro %}

{% macro spark__to_business_time(ts) -%}
    from_utc_timestamp({{ ts }}, {{ business_time_zone() }})
{%- endmacro %}

{# Business date of a UTC timestamp. #}
{% macro business_date(ts) -%}
    cast({{ to_business_time(ts) }} as date)
{%- endmacro %}

{# UTC timestamp of a local time of the business. A local time that does not exist shifts forward,
   an ambiguous one is the first: DuckDB takes the last, hence the second candidate. #}
{% macro from_business_time(ts) -%}
    {{ adapter.dispatch('from_business_time', 'hourglass')(ts) }}
{%- endmacro %}

{% macro default__from_business_time(ts) -%}
    least(
        timezone('UTC', timezone({{ business_time_zone() }}, {{ ts }})),
        timezone('UTC', timezone({{ business_time_zone() }}, {{ ts }} - interval '1' hour))
        + interval '1' hour
    )
{%- endmacro %}

{% macro spark__from_business_time(ts) -%}
    to_utc_timestamp({{ ts }}, {{ business_time_zone() }})
{%- endmacro %}

{# First UTC instant that is after as_of, or after the day that is `days` later: one value, so that
   filtering a large table costs a comparison and no time zone arithmetic. #}
{% macro end_of_as_of(days=0) -%}
    (
        select
            {{ from_business_time("cast(" ~ add_days('p.as_of', days ~ ' + 1') ~ " as timestamp)") }}
        from {{ source('control', 'parameters') }} as p
    )
{%- endmacro %}

{# First day of the date's month, as a DATE. #}
{% macro month_start(date) -%}
    cast(date_trunc('month', {{ date }}) as date)
{%- endmacro %}

{# Monday of the date's week, as a DATE. #}
{% macro week_start(date) -%}
    cast(date_trunc('week', {{ date }}) as date)
{%- endmacro %}

{% macro add_days(date, days) -%}
    {{ adapter.dispatch('add_days', 'hourglass')(date, days) }}
{%- endmacro %}

{% macro default__add_days(date, days) -%}
    cast({{ date }} + to_days(cast({{ days }} as integer)) as date)
{%- endmacro %}

{% macro spark__add_days(date, days) -%}
    date_add({{ date }}, cast({{ days }} as integer))
{%- endmacro %}

{% macro add_months(date, months) -%}
    {{ adapter.dispatch('add_months', 'hourglass')(date, months) }}
{%- endmacro %}

{% macro default__add_months(date, months) -%}
    cast({{ date }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{% macro spark__add_months(date, months) -%}
    add_months({{ date }}, cast({{ months }} as integer))
{%- endmacro %}

{# A timestamp moved by whole seconds. #}
{% macro add_seconds(ts, seconds) -%}
    {{ adapter.dispatch('add_seconds', 'hourglass')(ts, seconds) }}
{%- endmacro %}

{% macro default__add_seconds(ts, seconds) -%}
    ({{ ts }} + to_seconds({{ seconds }}))
{%- endmacro %}

{% macro spark__add_seconds(ts, seconds) -%}
    timestampadd(second, {{ seconds }}, {{ ts }})
{%- endmacro %}

{# Whole days from one date to a later one. #}
{% macro date_diff_days(from_date, to_date) -%}
    {{ adapter.dispatch('date_diff_days', 'hourglass')(from_date, to_date) }}
{%- endmacro %}

{% macro default__date_diff_days(from_date, to_date) -%}
    date_diff('day', {{ from_date }}, {{ to_date }})
{%- endmacro %}

{% macro spark__date_diff_days(from_date, to_date) -%}
    datediff({{ to_date }}, {{ from_date }})
{%- endmacro %}

{# Calendar months from one date's month to another's, whatever the days. #}
{% macro date_diff_months(from_date, to_date) -%}
    (
        (extract(year from {{ to_date }}) - extract(year from {{ from_date }})) * 12
        + extract(month from {{ to_date }}) - extract(month from {{ from_date }})
    )
{%- endmacro %}

{# Seconds from one timestamp to another, as clocks without fractions tell them. #}
{% macro date_diff_seconds(from_ts, to_ts) -%}
    {{ adapter.dispatch('date_diff_seconds', 'hourglass')(from_ts, to_ts) }}
{%- endmacro %}

{% macro default__date_diff_seconds(from_ts, to_ts) -%}
    date_diff('second', {{ from_ts }}, {{ to_ts }})
{%- endmacro %}

{% macro spark__date_diff_seconds(from_ts, to_ts) -%}
    (unix_seconds({{ to_ts }}) - unix_seconds({{ from_ts }}))
{%- endmacro %}

{# 1 Monday to 7 Sunday. #}
{% macro iso_weekday(date) -%}
    {{ adapter.dispatch('iso_weekday', 'hourglass')(date) }}
{%- endmacro %}

{% macro default__iso_weekday(date) -%}
    cast(isodow({{ date }}) as integer)
{%- endmacro %}

{% macro spark__iso_weekday(date) -%}
    (weekday({{ date }}) + 1)
{%- endmacro %}
