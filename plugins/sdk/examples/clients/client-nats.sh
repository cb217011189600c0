#!/bin/sh
# A client over NATS, with the `nats` command:
#   sh client-nats.sh stream 5
#   sh client-nats.sh cancel 0.5
# The broker is at NATS_URL, the key in BKG_API_KEY. What is larger than a message needs a program: see upload.ts.
set -eu
NATS_PASSWORD=$BKG_API_KEY
NATS_USER=$(echo "$BKG_API_KEY" | cut -d_ -f2)
export NATS_PASSWORD NATS_USER
plugin=plugin.hello-typescript

bkg_nats() {
  nats --inbox-prefix "_INBOX.$NATS_USER" "$@"
}

case ${1:-} in
  stream) # with a window as large as the answer no credit has to be given; it ends with the frame that has Bkg-End
    bkg_nats request "$plugin.invoke.count" "{\"to\": ${2:-5}}" -H Bkg-Stream:1024 --replies 0 --timeout 2s
    ;;
  cancel) # one header, and one publish
    id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (sleep "${2:-0.5}" && bkg_nats publish "$plugin.cancel" "{\"invocation_id\": \"$id\"}") &
    bkg_nats request "$plugin.invoke.wait" '{"ms": 20000}' -H "Bkg-Invocation-Id:$id" --timeout 30s
    wait
    ;;
  *)
    sed -n '2,5p' "$0" >&2
    exit 2
    ;;
esac
