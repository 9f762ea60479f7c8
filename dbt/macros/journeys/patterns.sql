{# Whether a pattern is found in the text (RE2 and Java agree on what the seeds use). #}
{% macro matches_pattern(text, pattern) -%}
    {{ adapter.dispatch('matches_pattern', 'hourglass')(text, pattern) }}
{%- endmacro %}

{% macro default__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{% macro spark__matches_pattern(text, pattern) -%}
    ({{ text }} rlike {{ pattern }})
{%- endmacro %}

{# A utm value as it is compared: lower case, without surrounding blanks; the words by which
   trackers say "nothing" are NULL. #}
{% macro utm_value(text) -%}
    case
        when lower(trim({{ text }})) in ('', '(direct)', 'direct', '(none)', '(not set)', 'null')
            then null
        else lower(trim({{ text }}))
    end
{%- endmacro %}

{# Host of a referrer, in lower case and without www. #}
{% macro referrer_host(referrer) -%}
    nullif(
        regexp_extract(
            regexp_extract(
                lower(trim({{ referrer }})), '^([a-z][a-z0-9+.-]*://)?([^/?#@]*@)?([^/?#:]+)', 3
            ),
            '^(www[.])?(.*)$',
            2
        ),
        ''
    )
{%- endmacro %}

{# A marketing system's word for a channel as channel_words spells it. #}
{% macro channel_word(text) -%}
    replace(replace(lower(trim({{ text }})), ' ', '_'), '-', '_')
{%- endmacro %}

{# A campaign's id, name or utm tag as it is compared: lower case and without blanks. #}
{% macro campaign_text(text) -%}
    nullif(replace(lower({{ text }}), ' ', ''), '')
{%- endmacro %}
