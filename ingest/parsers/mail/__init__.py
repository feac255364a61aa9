"""Mail: single messages (`eml`), those of Outlook (`msg`), and mailboxes (`mbox`).

Read `eml` first, then `mime`, which takes a mail apart. `compared` tells whether a mail's plain version says more than
its page; `rtf_body` unpacks the text of an Outlook message for `msg`.
"""
