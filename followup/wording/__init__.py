"""Wording: the one dictionary of what people read for the codes of the product.

    codes of                                           are said in
    messages, enrolments                               states, enrolments
    worklist items, phone calls, replies               worklist, calls, replies
    reasons of ours, and of providers                  reasons, failure_reasons
    channels, providers, approvals, patients, staff    modules of these names
    audit events                                       audit_verbs

A label begins with a capital and stands alone; a meaning or a reason is a clause in small letters
that goes on from it. Console, command line and reports read these tables and keep none of their
own: what is theirs is how a label is coloured and set.
"""
