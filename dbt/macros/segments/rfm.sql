{# Scores of RFM. Equal values get equal scores: what counts is how many are strictly worse. #}

{# 1 + floor(5 x share of customers who are strictly worse), 1 to 5. `worst_first` orders them;
   `partition` keeps populations apart that are not compared. #}
{% macro rfm_score(worst_first, partition='') -%}
    {%- set apart = 'partition by ' ~ partition ~ ' ' if partition else '' -%}
    cast(
        1 + {{ integer_divide(
            '5 * (rank() over (' ~ apart ~ 'order by ' ~ worst_first ~ ') - 1)',
            'count(*) over (' ~ (apart | trim) ~ ')'
        ) }} as integer
    )
{%- endmacro %}

{# The other axis of the table of segments: the mean of two scores, halves rounded up. #}
{% macro rfm_value_score(frequency_score, monetary_score) -%}
    {{ integer_divide(frequency_score ~ ' + ' ~ monetary_score ~ ' + 1', '2') }}
{%- endmacro %}
