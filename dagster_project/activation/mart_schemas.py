"""The marts ``audiences`` and ``audience_changes``: their columns, and what each of them means."""

AUDIENCES = """
    audience VARCHAR, customer_id VARCHAR, event_key VARCHAR, entered_on DATE, leaves_on DATE,
    reason VARCHAR, medium VARCHAR, purpose VARCHAR, priority INTEGER, is_held_out BOOLEAN,
    left_out_because VARCHAR, message VARCHAR, entered_as VARCHAR"""
CHANGES = """
    build_id VARCHAR, changed_on DATE, audience VARCHAR, customer_id VARCHAR, change VARCHAR,
    event_key VARCHAR, is_held_out BOOLEAN, left_out_because VARCHAR, entered_as VARCHAR"""
MARTS = ("audiences", "audience_changes", "audience_results")

DESCRIPTIONS: dict[str, dict[str | None, str]] = {
    "audiences": {
        None: "One row per audience and customer in it on this build. Addresses stand in none.",
        "audience": "Name of the audience's definition.",
        "customer_id": "The customer.",
        "event_key": "The event that a trigger is about; NULL where the audience is no trigger.",
        "entered_on": "Business date of the build in which they entered.",
        "leaves_on": "The last business date that they stay, whatever happens.",
        "reason": "Why they are in it, in words.",
        "medium": "How they would hear: email, sms, call; none where nothing is sent.",
        "purpose": "What consent was asked for, of the address that the medium uses.",
        "priority": "Which audience goes first where the cap over all of them binds.",
        "is_held_out": "In the comparison group, by a keyed hash of audience and customer.",
        "left_out_because": "no_address, no_consent, hold_out or cap; NULL: they hear something.",
        "message": "What a message may use, as a JSON object.",
        "entered_as": "The customer id under which they entered, when a merge gave them another "
        "since: an undone merge gives the entry back.",
    },
    "audience_changes": {
        None: "Who entered and left an audience in builds so far, and who stayed in this one.",
        "build_id": "The build of the change.",
        "changed_on": "Its business date.",
        "audience": "Name of the audience's definition.",
        "customer_id": "The customer, by the id of today.",
        "change": "entered, left or stayed.",
        "event_key": "The event that a trigger is about; NULL where the audience is no trigger.",
        "is_held_out": "Whether they were in the comparison group.",
        "left_out_because": "Why nothing was sent to them then; NULL: they heard something.",
        "entered_as": "The customer id under which they entered: an undone merge gives the entry "
        "back.",
    },
    "audience_results": {
        None: "What an audience's messages changed: who was contacted against who was held out, by "
        "what they bought in the 30 days after they entered.",
        "audience": "Name of the audience's definition.",
        "variant": "held_out, the comparison group, or contacted.",
        "subjects": "People who entered so far, each counted once.",
        "observed_subjects": "Those whose 30 days are over; the figures below are of these.",
        "conversions": "Observed people with a sale in their 30 days.",
        "conversion_rate": "conversions / observed_subjects.",
        "net_revenue": "Net revenue of their sales in the 30 days.",
        "revenue_per_subject": "net_revenue / observed_subjects.",
        "rate_difference": "Rate of the contacted minus that of the held out.",
        "rate_ci_low": "Lower end of its 95% interval (Newcombe).",
        "rate_ci_high": "Upper end of its 95% interval (Newcombe).",
        "rate_p_value": "Two-sided p-value of equal rates (two proportions, pooled).",
        "revenue_difference": "Revenue per contacted person minus that per held out person.",
        "revenue_ci_low": "Lower end of its 95% interval (Welch).",
        "revenue_ci_high": "Upper end of its 95% interval (Welch).",
        "revenue_p_value": "Two-sided p-value of equal means (Welch).",
        "split_p_value": "p-value of the split against the planned share (chi-square).",
        "is_valid": "False when the split is not the planned one (p below 0.001).",
    },
}
