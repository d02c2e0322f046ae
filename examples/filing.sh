#!/bin/sh
# File a document from the shell: sign it with the card, look at the result, check it with other programs.
#
#   make run                                  in one terminal
#   sh examples/filing.sh report.pdf          in another; the PIN of the enterprise's card is asked for
#
# CARD names another virtual card; READER=… CARD= uses a real card in a PC/SC reader.
set -eu

document=${1:?usage: sh examples/filing.sh DOCUMENT.pdf}
state=${STATE:-state}
card=${CARD-haifeng}
signed="${document%.pdf}-signed.pdf"
signature="$document.p7s"
tongxing=${TONGXING:-.venv/bin/tongxing}

if [ -n "$card" ]; then
    from="--virtual $state/cards --reader $card"
else
    from="--reader ${READER:-}"
fi

echo "1. a signed PDF with a timestamp (PAdES, B-T): $signed"
# shellcheck disable=SC2086 # $from is several words
"$tongxing" sign file "$document" --output "$signed" --settings "$state/town.toml" $from

echo "2. judged by ETSI EN 319 102-1"
"$tongxing" sign validate "$signed" --settings "$state/town.toml"

echo "3. a signature beside the document (CMS), which openssl checks as well: $signature"
# shellcheck disable=SC2086
"$tongxing" sign file "$document" --cms --output "$signature" --settings "$state/town.toml" $from
cat "$state/trust/root.pem" "$state/trust/issuing.pem" >"$signature.chain"
openssl cms -verify -binary -inform DER -in "$signature" -content "$document" \
    -CAfile "$signature.chain" -purpose any -out /dev/null
rm -f "$signature.chain"
