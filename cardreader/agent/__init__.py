"""The card agent: a small HTTP server on 127.0.0.1 through which pages ask for a login or a signature.

A page never sees the PIN.  What is asked is typed (`login`, `certificate`, `document`, `approval`) and shown
with the origin that asks; the person's answer to the prompt is the consent, since an origin proves nothing
against other programs of the same machine.

Reading order: `request` (what may be asked), `candidate` (which cards can), `operation` (what is done),
`page_prompt` and `page` (the prompt in a window), `guard` (who may ask), `server` (HTTP).
"""

from cardreader.agent.operation import Operations
from cardreader.agent.page_prompt import PagePrompt
from cardreader.agent.server import AgentServer, make_agent

__all__ = ["AgentServer", "Operations", "PagePrompt", "make_agent"]
