"""Filings: what people file online (draft → signed → accepted or refused).

`document_store` (files by digest), `prepared` (the sealed session between prepare and embed),
`submitter` (who may file what), `service` (the verbs), `judgement` (facts, revocation, judge, receipt).
"""
