{# Exact arithmetic. Money is DECIMAL(18,2) in columns and whole cents (BIGINT) where it is divided:
   DuckDB turns the division of two decimals into a floating-point number. #}

{# Whole cents of an amount, and back. Beyond 90 trillion the product no longer fits the engine's
   18 digits, and the wider decimal, ten times as slow, takes over. #}
{% macro to_cents(amount) -%}
    case
        when abs({{ amount }}) < 90000000000000 then cast(({{ amount }}) * 100 as bigint)
        else cast(cast({{ amount }} as decimal(21, 2)) * 100 as bigint)
    end
{%- endmacro %}

{% macro from_cents(cents) -%}
    cast(cast({{ cents }} as decimal(18, 0)) * cast(0.01 as decimal(3, 2)) as decimal(18, 2))
{%- endmacro %}

{# Whole thousandths of a quantity, and back. #}
{% macro to_units(quantity) -%}
    case
        when abs({{ quantity }}) < 900000000000 then cast(({{ quantity }}) * 1000 as bigint)
        else cast(cast({{ quantity }} as decimal(22, 3)) * 1000 as bigint)
    end
{%- endmacro %}

{% macro from_units(units) -%}
    cast(cast({{ units }} as decimal(18, 0)) * cast(0.001 as decimal(4, 3)) as decimal(18, 3))
{%- endmacro %}

{# An amount of whatever precision as money, to the cent, half away from zero. What no company
   charges is cut off at a trillion less a cent: it must not stop the sums of all others. #}
{% macro as_money(amount) -%}
    case
        -- Engines differ in what the least of a number and nothing is.
        when {{ amount }} is not null
            then cast(
                least(
                    greatest({{ amount }}, cast(-999999999999.99 as decimal(14, 2))),
                    cast(999999999999.99 as decimal(14, 2))
                ) as decimal(18, 2)
            )
    end
{%- endmacro %}

{# quantity x unit price. #}
{% macro line_amount(quantity, unit_price) -%}
    case
        when abs(cast({{ quantity }} as double) * cast({{ unit_price }} as double)) < 100000000
            then cast(
                cast({{ quantity }} as decimal(18, 3)) * cast({{ unit_price }} as decimal(18, 6))
                as decimal(18, 2)
            )
        else {{ as_money(
            'cast(' ~ quantity ~ ' as decimal(38, 3)) * cast(' ~ unit_price ~ ' as decimal(38, 6))'
        ) }}
    end
{%- endmacro %}

{# amount x rate, to the cent. A NULL rate gives NULL: the missing rate stops the run. #}
{% macro convert_money(amount, rate) -%}
    case
        when {{ rate }} = 1 then cast({{ amount }} as decimal(18, 2))
        else {{ as_money(
                'cast(' ~ amount ~ ' as decimal(38, 2)) * cast(' ~ rate ~ ' as decimal(38, 9))'
            ) }}
    end
{%- endmacro %}

{# amount x part / whole for whole numbers (whole above 0), rounded half away from zero. Sums stay
   exact when running totals are taken pro rata and the differences between them are the shares. #}
{% macro pro_rata(amount, part, whole) -%}
    {{ adapter.dispatch('pro_rata', 'hourglass')(amount, part, whole) }}
{%- endmacro %}

{% macro default__pro_rata(amount, part, whole) -%}
    cast(
        divide(
            2 * cast({{ amount }} as hugeint) * cast({{ part }} as hugeint)
            + sign(cast({{ amount }} as hugeint) * cast({{ part }} as hugeint))
            * cast({{ whole }} as hugeint),
            2 * cast({{ whole }} as hugeint)
        ) as bigint
    )
{%- endmacro %}

{% macro spark__pro_rata(amount, part, whole) -%}
    cast(
        round(
            cast({{ amount }} as decimal(19, 0)) * cast({{ part }} as decimal(19, 0))
            / cast({{ whole }} as decimal(19, 0)),
            0
        ) as bigint
    )
{%- endmacro %}

{# Integer quotient, towards zero. #}
{% macro integer_divide(numerator, denominator) -%}
    {{ adapter.dispatch('integer_divide', 'hourglass')(numerator, denominator) }}
{%- endmacro %}

{% macro default__integer_divide(numerator, denominator) -%}
    divide({{ numerator }}, {{ denominator }})
{%- endmacro %}

{% macro spark__integer_divide(numerator, denominator) -%}
    (({{ numerator }}) div ({{ denominator }}))
{%- endmacro %}

{# A ratio for people to read; NULL when there is nothing to divide by. #}
{% macro safe_ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}

{# A double to some digits after the point. Where the last digit is a matter of the double's own last
   bit (16.5559375 days), Spark would round the number as it is written, and DuckDB what it is. #}
{% macro rounded(value, digits) -%}
    {{ adapter.dispatch('rounded', 'hourglass')(value, digits) }}
{%- endmacro %}

{% macro default__rounded(value, digits) -%}
    round({{ value }}, {{ digits }})
{%- endmacro %}

{% macro spark__rounded(value, digits) -%}
    round(({{ value }}) * 1e{{ digits }}, 0) / 1e{{ digits }}
{%- endmacro %}

{# Whole numbers from 0 below `limit`, as the column number. #}
{% macro number_series(limit) -%}
    {{ adapter.dispatch('number_series', 'hourglass')(limit) }}
{%- endmacro %}

{% macro default__number_series(limit) -%}
    select cast(range as integer) as number from range({{ limit }})
{%- endmacro %}

{% macro spark__number_series(limit) -%}
    select cast(id as integer) as number from range({{ limit }})
{%- endmacro %}
