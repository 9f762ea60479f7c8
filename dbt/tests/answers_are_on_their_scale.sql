-- Answers to "would you recommend us" outside 0 to 10: they are in no figure.
{{ config(severity='warn') }}

select survey_id
from {{ ref('stg_crm__surveys') }}
where
    kind = 'nps'
    and not score between 0 and 10
