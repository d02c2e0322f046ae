"""Smart cards through PC/SC: the driver, the virtual card and the card agent.

Standards: ISO/IEC 7816-4 (APDUs and BER-TLV), NIST SP 800-73-5 and SP 800-78-5 (PIV, compatible with the -4
texts), PC/SC parts 3 and 5.  This package runs alone on a citizen's own machine: it imports trust/ and
nothing of the servers, keeps no records about people, and holds a PIN only while a card is using it.

Reading order: `errors`, `settings`, `clock`, `process`; the bytes `tlv`, `status_word`, `apdu`; the seam
`connection`; the card `piv_terms`, `piv`; what stands behind the seam, `virtual` and `pcsc`; then what is
done with a card: `prompt`, `signer`, `personalization`, `agent` and `cli`.
"""
