"""Identity rules: normal forms, likeness of two records, guards, model and word lists.

No relation is read or made here: functions of values, SQL expressions and files of data.
"""
