#!/bin/sh
# A client over HTTP, with curl:
#   sh client.sh stream 5
#   sh client.sh upload picture.png
#   sh client.sh download tone.wav 1
#   sh client.sh cancel 0.5
# The gateway is at BKG_URL (http://localhost:43119), the key in BKG_API_KEY.
set -eu
url=${BKG_URL:-http://localhost:43119}/api/plugins/hello-typescript

# --fail-with-body: a failure is a problem as JSON, and curl's status says so, too. A body that breaks off is a failure.
call() {
  path=$1
  shift
  curl -sS --fail-with-body "$url/$path" ${BKG_API_KEY:+-H "authorization: Bearer $BKG_API_KEY"} "$@"
}

case ${1:-} in
  stream) # -N: each event as it comes
    call invoke/count -N -H 'accept: text/event-stream' -H 'content-type: application/json' -d "{\"to\": ${2:-5}}"
    ;;
  upload) # -T: the file is sent as it is read, never as a whole
    call invoke/digest -X POST -H 'content-type: application/octet-stream' -T "$2"
    echo
    ;;
  download) # a failure, or half of a file, is not to stand in the place of a good one
    if call invoke/tone -H 'content-type: application/json' -d "{\"secs\": ${3:-1}}" -o "$2.part"; then
      mv "$2.part" "$2"
    else
      # 22: it was answered with a problem
      test $? = 22 && cat "$2.part" >&2
      rm -f "$2.part"
      exit 1
    fi
    ls -l "$2"
    ;;
  cancel) # by an id of one's own; to end curl does the same
    id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (sleep "${2:-0.5}" && call "invocations/$id" -X DELETE) &
    # That it ends as a failure is what is wanted here.
    call invoke/wait --no-fail-with-body -H "bkg-invocation-id: $id" -H 'content-type: application/json' -d '{"ms": 20000}'
    echo
    wait
    ;;
  *)
    sed -n '2,7p' "$0" >&2
    exit 2
    ;;
esac
