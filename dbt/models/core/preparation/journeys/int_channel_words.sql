-- Every word that is known to mean a channel: those of the seed, and the channels' own names.
{{ keeps_changes() }}
with

named as (
    select
        channel as word,
        channel
    from {{ ref('channels') }}
    where channel <> '(none)'
),

final as (
    select
        word,
        channel
    from {{ ref('channel_words') }}

    union all

    select
        n.word,
        n.channel
    from named as n
    left join {{ ref('channel_words') }} as w on n.word = w.word
    where w.word is null
)

select * from final
